/** Attacks on `whcb serve` over HTTP: `npm run soak:attack`. ATTACK_BIN attacks another version's bin/whcb.js. The figures are printed. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type IncomingMessage, type RequestOptions, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  ANSWERED_BY_NODE,
  type Attack,
  chunkBehindLogins,
  neverEndHeaders,
  pipelineUnread,
  trickleBodies,
} from "../support/attack/connection-attacks.js";
import { guessPasswords } from "../support/attack/guess-passwords.js";
import { startRawServer, writeForEver } from "../support/delivery/raw-server.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { Home, type Running, type RunOptions } from "../support/process/whcb-process.js";

const { ATTACK_BIN: bin } = process.env;
const SECONDS = 12;
const CORRECT = {
  authorization: `Basic ${Buffer.from(`${USER_ENV.WHCB_USERNAME}:${USER_ENV.WHCB_PASSWORD}`).toString("base64")}`,
  "x-api-key": USER_ENV.WHCB_API_KEY,
};

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

const serve = (args: readonly string[] = [], options: RunOptions = {}) =>
  home.serve(args, { env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=512" }, ...options, ...(bin && { bin }) });

function show(attack: string, figures: object): void {
  process.stdout.write(`${attack}: ${JSON.stringify(figures)}\n`);
}

function peakMiB({ child }: Running): number {
  if (child.exitCode !== null || child.signalCode !== null) return Number.NaN;
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024);
}

function cpuMs({ child }: Running): number {
  const [userTicks, systemTicks] = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ").slice(13);
  return (Number(userTicks) + Number(systemTicks)) * 10;
}

/** Asks once a second, each time on a new connection, and counts the answers. */
async function answeredDuring(server: Running & { url: string }, attack: Attack): Promise<object> {
  let answered = 0;
  let highestOpen = 0;
  let peak = 0;
  for (let second = 0; second < SECONDS && server.child.signalCode === null; second++) {
    const answer = await statusOf(`${server.url}/auth/verify`, { headers: CORRECT, timeout: 5000 });
    if (answer === 200) answered += 1;
    highestOpen = Math.max(highestOpen, attack.open);
    peak = peakMiB(server) || peak;
    await delay(1000);
  }
  return { answered, of: SECONDS, highestOpen, peakMiB: peak, died: server.child.signalCode };
}

async function statusOf(url: string, options: RequestOptions = {}): Promise<number> {
  const sent = request(url, { agent: false, ...options });
  sent.once("timeout", () => sent.destroy(new Error("no answer")));
  const answered = once(sent.end(), "response").catch(() => [null]);
  const [answer]: (IncomingMessage | null)[] = await answered;
  return answer?.resume().statusCode ?? 0;
}

it("100 clients pipeline 1 400 requests each and read no answer", async () => {
  const server = await serve();
  const attack = await pipelineUnread(server.url);
  const figures = await answeredDuring(server, attack);
  await attack.stop();
  show("pipelined requests", figures);
  expect(figures).toMatchObject({ died: null });
});

const SMALL = { env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=256" } };

it.each([
  ...ANSWERED_BY_NODE.map(({ name, request }) => ({
    name: `400 clients pipeline ${name}`,
    attackOn: (url: string) => pipelineUnread(url, { connections: 400, requests: 10_000, request }),
  })),
  { name: "4 000 clients never end their headers", attackOn: (url: string) => neverEndHeaders(url, { connections: 4_000 }) },
])("$name", async ({ name, attackOn }) => {
  const server = await serve([], SMALL);
  const attack = await attackOn(server.url);
  const figures = await answeredDuring(server, attack);
  await attack.stop();
  show(name, figures);
  expect(figures).toMatchObject({ died: null, answered: SECONDS });
});

it("72 clients send bodies in pieces of one byte behind wrong logins", async () => {
  const server = await serve([], SMALL);
  const attack = await chunkBehindLogins(server.url, { connections: 72 });
  const figures = await answeredDuring(server, attack);
  await attack.stop();
  show("bodies in pieces", figures);
  // Eight passwords that are checked at once take 256.
  expect(peakMiB(server)).toBeLessThan(400);
});

it("500 clients never finish a body, with 300 descriptors", async () => {
  const endpoint = await home.listen();
  const server = await serve(["--retry-interval", "1h"], { openFiles: 300 });
  const api = new ServedApi(server.url);
  const id = await api.create({ name: "demo", url: endpoint.url });
  const attack = await trickleBodies(server.url, { connections: 500 });
  const during = answeredDuring(server, attack);
  let accepted = 0;
  for (let call = 0; call < SECONDS; call++) {
    const status = await api.hand(id, [callIdOf(call)], AbortSignal.timeout(5000)).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 202) accepted += 1;
    await delay(1000);
  }
  const figures = await during;
  await attack.stop();
  await delay(1000);
  const [delivered, outages] = [await api.count(id, "SUCCESS"), (await api.outages(id)).length];
  show("trickled bodies", { ...figures, accepted, delivered, outages });
  expect({ ...figures, accepted, delivered, outages }).toMatchObject({
    answered: SECONDS,
    accepted: SECONDS,
    delivered: SECONDS,
    outages: 0,
  });
});

it("four reports at once of a call that has 3 000 long attempts", async () => {
  const server = await serve(["--no-dispatch", "--no-endpoint-check"], SMALL);
  const api = new ServedApi(server.url);
  const id = await api.create({ name: "demo", url: "http://127.0.0.1:9/" });
  await api.hand(id, ["A"]);
  const report = async (request: number, body: string) => {
    const attempts = Array.from({ length: 100 }, (_, index) => {
      const attemptedDate = new Date(Date.UTC(2026, 0, 1) + request * 100 + index).toISOString();
      return { id: "A", attemptedDate, durationMs: 1, statusCode: 503, body };
    });
    const init = { method: "POST", headers: { "content-type": "application/json" } };
    const began = performance.now();
    const answer = await api.fetch(`/callbacks/${id}/attempts`, { ...init, body: JSON.stringify({ sentFrom: "me", attempts }) });
    expect(answer.status).toBe(204);
    return Math.round(performance.now() - began);
  };
  for (let request = 0; request < 30; request++) await report(request, "\u4e2d".repeat(4096));
  const before = cpuMs(server);
  const tookMs = await Promise.all([30, 31, 32, 33].map((request) => report(request, "")));
  const figures = { tookMs, cpuMs: cpuMs(server) - before };
  show("reported attempts", figures);
  expect(figures.cpuMs).toBeLessThan(1500);
});

it.each([
  ["headers", "HTTP/1.1 200 OK\r\n"],
  ["trailers", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"],
])("an endpoint answers with tiny %s without end", async (what, start) => {
  const endpoint = await startRawServer((socket) => {
    if (endpoint.lastRequest().startsWith("GET")) {
      socket.end("HTTP/1.1 200 OK\r\n\r\n");
      return;
    }
    socket.write(start);
    writeForEver(socket, Buffer.from("a:b\r\n".repeat(13_000)));
  });
  const server = await serve();
  const api = new ServedApi(server.url);
  const id = await api.create({ name: "demo", url: endpoint.url });
  const calls = Array.from({ length: 64 }, (_, call) => callIdOf(call));
  const before = cpuMs(server);
  await api.hand(id, calls);
  let slowestMs = 0;
  for (let second = 0; second < SECONDS; second++) {
    const began = performance.now();
    await statusOf(`${server.url}/healthz`);
    slowestMs = Math.max(slowestMs, Math.round(performance.now() - began));
    await delay(1000);
  }
  const figures = { cpuMs: cpuMs(server) - before, slowestMs, failed: await api.count(id, "FAILED"), peakMiB: peakMiB(server) };
  await endpoint.close();
  show(`tiny ${what}`, figures);
  expect(figures.failed).toBe(calls.length);
  expect(figures.cpuMs).toBeLessThan(3000);
});

it("two addresses guess passwords with a valid key", async () => {
  const server = await serve(["--trust-proxy"]);
  const loginFrom = (localAddress: string) => (headers: object) =>
    statusOf(`${server.url}/auth/verify`, { headers: { ...headers }, localAddress });
  const choices = { apiKey: USER_ENV.WHCB_API_KEY, guesses: 1000, atOnce: 8 };
  const guesses = ["127.0.0.2", "127.0.0.3"].map((address) => guessPasswords(loginFrom(address), choices));
  await delay(100);
  const correct = await Promise.all([4, 5, 6].map((host) => loginFrom(`127.0.0.${host}`)(CORRECT)));
  const [first, second] = await Promise.all(guesses);
  show("guesses", { first, second, correct });
  expect(correct).toEqual([200, 200, 200]);
});

it("an address guesses API keys", async () => {
  const server = await serve();
  const login = (headers: object) => statusOf(`${server.url}/auth/verify`, { headers: { ...headers } });
  expect(await login(CORRECT)).toBe(200);
  const guesses = await guessPasswords(login, { apiKey: (guess) => `guess-${guess}`, guesses: 20_000, atOnce: 8 });
  const elsewhere = await statusOf(`${server.url}/auth/verify`, { headers: CORRECT, localAddress: "127.0.0.2" });
  const correct = [await login(CORRECT), elsewhere];
  show("key guesses", { guesses, correct });
  expect([guesses[403], correct]).toEqual([undefined, [200, 200]]);
  // 20 are allowed at once, then one in three seconds.
  expect(guesses[401]).toBeLessThan(60);
});

it("a web page sends changes, by a form and by DNS rebinding, and reads the metrics", async () => {
  const server = await serve();
  const send = (headers: object) =>
    statusOf(`${server.url}/callbacks/none`, {
      method: "DELETE",
      headers: { host: new URL(server.url).host, ...CORRECT, ...headers },
    });
  const figures = {
    form: await send({ origin: "https://evil.example", "sec-fetch-site": "cross-site" }),
    rebound: await send({ host: "evil.example", origin: "http://evil.example", "sec-fetch-site": "same-origin" }),
    own: await send({}),
    metrics: await statusOf(`${server.url}/metrics`),
  };
  show("web page", figures);
  expect(figures).toEqual({ form: 403, rebound: 421, own: 404, metrics: 401 });
});
