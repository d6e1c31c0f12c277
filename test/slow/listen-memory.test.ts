import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ANSWERED_BY_NODE, pipelineUnread, trickleBodies } from "../support/attack/connection-attacks.js";
import { eventually, Home } from "../support/process/whcb-process.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});
afterEach(() => home.leave());

it("a temporary endpoint remembers ids in bounded memory, however long they are", async () => {
  const env = { NODE_OPTIONS: "--max-old-space-size=64" };
  const endpoint = home.start(["listen", "--port", "0"], { env });
  const [, url = ""] = await endpoint.says(/(http:\/\/127\.0\.0\.1:\d+)/);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const post = (id: string) =>
    new Promise<void>((resolve, reject) => {
      const sent = request(url, { method: "POST", agent, headers: { "webhook-id": id } });
      sent.on("error", reject).end();
      sent.on("response", (answer) => answer.resume().on("end", resolve));
    });
  const long = "x".repeat(15_000);
  for (const id of ["A", "A"]) await post(id);
  for (let number = 0; number < 8_000; number++) await post(`${number}-${long}`);
  for (const id of ["A", "A"]) await post(id);
  agent.destroy();
  endpoint.child.kill("SIGINT");
  const { code, stdout } = await endpoint.ended;
  const posts = stdout.split("\n").filter((line) => line.includes(" POST "));
  const repeats = posts.flatMap((line, index) => (line.includes("(seen before)") ? [index] : []));
  expect([code, posts.length, repeats]).toEqual([0, 8_004, [1, 8_003]]);
});

it("a temporary endpoint outlives 3 500 slow requests with 1 900 headers each", async () => {
  const endpoint = home.start(["listen", "--port", "0"], { env: { NODE_OPTIONS: "--max-old-space-size=128" } });
  const [, url = ""] = await endpoint.says(/(http:\/\/127\.0\.0\.1:\d+)/);
  const headers = Array.from({ length: 1_900 }, (_, index) => `${index.toString(36)}:\r\n`).join("");
  const request = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n${headers}\r\n`;
  const attack = await trickleBodies(url, { connections: 3_500, request });
  // Its connections come one after the other.
  await eventually(
    async () => attack.closed,
    (closed) => closed >= 2_500,
  );
  await attack.stop();
  expect((await fetch(url, { method: "POST", body: "A" })).status).toBe(200);
});

it.each([["--hang"], ["--delay", "1h"]])(
  "a temporary endpoint outlives 100 000 requests on one connection with %s",
  async (...flags) => {
    const env = { NODE_OPTIONS: "--max-old-space-size=96" };
    const endpoint = home.start(["listen", "--port", "0", ...flags], { env });
    const [, url = ""] = await endpoint.says(/(http:\/\/127\.0\.0\.1:\d+)/);
    const attack = await pipelineUnread(url, {
      connections: 1,
      requests: 100_000,
      request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    });
    await expect.poll(() => attack.open).toBe(0);
    await attack.stop();
    expect((await fetch(url)).status).toBe(200);
  },
);

it("a temporary endpoint outlives 900 connections with 100 requests of 97 tiny headers each, which it never answers", async () => {
  const env = { NODE_OPTIONS: "--max-old-space-size=128" };
  const endpoint = home.start(["listen", "--port", "0", "--hang"], { env });
  const [, url = ""] = await endpoint.says(/(http:\/\/127\.0\.0\.1:\d+)/);
  const headers = Array.from({ length: 97 }, (_, index) => `A${index.toString(36)}:b\r\n`).join("");
  const attack = await pipelineUnread(url, {
    connections: 900,
    requests: 100,
    request: `POST / HTTP/1.1\r\nHost: a\r\n${headers}Content-Length: 0\r\n\r\n`,
  });
  await expect.poll(() => attack.open, { timeout: 20_000 }).toBeLessThan(500);
  await attack.stop();
  expect((await fetch(url)).status).toBe(200);
});

it.each(ANSWERED_BY_NODE)("a temporary endpoint receives, and so counts, what Node would answer: $name", async ({ request }) => {
  const endpoint = await home.listen();
  const socket = connect(Number(new URL(endpoint.url).port), "127.0.0.1").setEncoding("utf8");
  socket.write(request);
  expect(String((await once(socket, "data"))[0])).toContain(" 200 ");
  socket.destroy();
});

it("a temporary endpoint prints a body of many levels as the text that it is", async () => {
  const endpoint = await home.listen(["-o", "ndjson"]);
  const body = `${"[".repeat(6_000)}${"]".repeat(6_000)}`;
  expect((await fetch(endpoint.url, { method: "POST", body })).status).toBe(200);
  expect((await endpoint.stop("SIGINT")).stdout).toContain(`"body":"${body}"`);
});

it("a temporary endpoint keeps so much of the bodies of all requests, and answers 503 for those that don't fit", async () => {
  const endpoint = await home.listen(["--status", "200"]);
  const port = Number(new URL(endpoint.url).port);
  const post = async (body: string) => (await fetch(endpoint.url, { method: "POST", body })).status;
  const begin = async (chunk: Buffer, mebibytes: number) => {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n");
    for (let sent = 0; sent < mebibytes; sent++) await new Promise((resolve) => socket.write(chunk, resolve));
    return socket;
  };
  const mebibyte = Buffer.alloc(1 << 20, "A");
  expect(await post("A".repeat(10_000_000))).toBe(200);
  const sockets = await Promise.all(Array.from({ length: 40 }, () => begin(mebibyte, 9)));
  // The endpoint may not have read yet what is written, and there is room again for a moment once others have got their 503.
  const full = await eventually(
    () => fetch(endpoint.url, { method: "POST", body: "A".repeat(9_000_000) }),
    ({ status }) => status === 503,
  );
  expect(await post("A")).toBe(200);
  expect(peakMiB(endpoint.child.pid)).toBeLessThan(250);
  expect([full.headers.get("connection"), await full.text()]).toEqual(["close", expect.stringContaining("too many")]);
  for (const socket of sockets) socket.destroy();
  await Promise.all(sockets.map((socket) => once(socket, "close")));
  await expect.poll(() => post("A".repeat(10_000_000))).toBe(200);
  expect((await endpoint.stop("SIGINT")).stdout).not.toContain(" 503 ");
});

/** Linux keeps the peak. Elsewhere it is what the process has now. */
function peakMiB(pid: number | undefined): number {
  if (process.platform !== "linux") return Math.round(Number(execFileSync("ps", ["-o", "rss=", "-p", `${pid}`])) / 1024);
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024);
}

it("a temporary endpoint whose output isn't read answers 503 before its memory is used up", async () => {
  const endpoint = home.start(["listen", "--port", "0", "-o", "ndjson"], { env: { NODE_OPTIONS: "--max-old-space-size=256" } });
  const [, url = ""] = await endpoint.says(/(http:\/\/127\.0\.0\.1:\d+)/);
  endpoint.child.stdout?.pause();
  const long = { "x-long": "A".repeat(15_000) };
  const post = { method: "POST", body: "A".repeat(2_000_000) };
  const statuses: number[] = [];
  const ask = async (request: RequestInit) => void statuses.push((await fetch(url, request)).status);
  const asked = [...Array(4).fill(post), ...Array(950).fill({ headers: long })].map(ask);
  // The pipe takes the lines of some, which are answered with 200.
  const rejected = () => statuses.filter((status) => status === 503).length;
  await expect.poll(rejected, { timeout: 20_000 }).toBeGreaterThan(100);
  expect(statuses.length).toBeLessThan(asked.length);
  endpoint.child.stdout?.resume();
  await Promise.all(asked);
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  expect((await endpoint.stop("SIGINT")).code).toBe(0);
});
