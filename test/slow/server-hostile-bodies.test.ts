/** Some bodies cost far more than their size. A real service with a small heap stays up and answers others. */
import { once } from "node:events";
import { createServer, request } from "node:http";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hostileBody } from "../support/attack/hostile-bodies.js";
import { HEADERS, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home, type Running } from "../support/process/whcb-process.js";

const BYTES = 10_400_000;
const NDJSON = { ...HEADERS, "content-type": "application/x-ndjson" };

/** One service reads them all, as its start takes longer than most of them. */
let home: Home;
let service: Running & { readonly url: string };
let api: ServedApi;

beforeAll(async () => {
  home = new Home();
  service = await home.serve(["--no-endpoint-check", "--no-dispatch"], {
    env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=256" },
  });
  api = new ServedApi(service.url);
  await api.create({ name: "demo", url: "http://127.0.0.1:9/" });
});
afterAll(() => home.leave());

it.each([
  [
    ["JSON of empty objects", 4],
    ["JSON of distinct names", 2],
  ],
  [
    ["XML text", 1],
    ["XML text between comments", 1],
    ["XML name", 1],
    ["XML attributes", 1],
    ["XML instruction with attributes", 1],
    ["NDJSON line of empty objects", 1],
  ],
  [["XML of backslashes beyond Latin-1", 2]],
  [
    ["XML member of backslashes", 2],
    ["XML member of fewer backslashes", 4],
  ],
] as const)("reads %j at once in 256 MiB", async (...attacks) => {
  const answers = attacks.flatMap(([name, count]) => {
    const { type, make, statuses } = hostileBody(name);
    const body = make(BYTES);
    return Array.from({ length: count }, async () => {
      const answer = await api.fetch("/callbacks/demo/calls", { method: "POST", headers: { "content-type": type }, body });
      return statuses.includes(answer.status) ? [] : [name, answer.status, await answer.text()];
    });
  });
  expect((await Promise.all(answers)).flat()).toEqual([]);
  expect((await api.readiness()).status).toBe(200);
});

it("reads as many NDJSON streams at once as a user has room for; others get a 503, and room is free again after they are cut off", async () => {
  const line = `{"responseMessage":{"content":"${"x".repeat(1_000_000)}`;
  const streams = Array.from({ length: 200 }, () => {
    const { port } = new URL(service.url);
    const stream = request({ port, method: "POST", path: "/callbacks/demo/calls", headers: NDJSON, agent: false });
    stream.on("error", () => undefined).write(line);
    return stream;
  });
  const rejected = await Promise.all(streams.slice(100).map(async (stream) => (await once(stream, "response"))[0].statusCode));
  expect(new Set(rejected)).toEqual(new Set([503]));
  for (const stream of streams) stream.destroy();
  const send = async () => {
    const body = `{"responseMessage":{"content":"${"x".repeat(5_000_000)}"}}\n`;
    const answer = await api.fetch("/callbacks/demo/calls", { method: "POST", headers: NDJSON, body });
    return JSON.parse(await answer.text());
  };
  expect(await eventually(send, (answer) => answer.accepted === 1)).toEqual({ accepted: 1, rejected: [] });
});

it("goes on answering while NDJSON streams of many values wait for a database that is locked, in 256 MiB", async () => {
  const lock = new Database(home.path("x.db"));
  lock.exec("BEGIN IMMEDIATE");
  const streams = Array.from({ length: 64 }, async (_, stream) => {
    const lines = Array.from({ length: 40 }, (_, line) => {
      const parameters = Array.from({ length: 990 }, (_, parameter) => `"k${(stream * 40 + line) * 1_000 + parameter}":""`);
      return `{"customParameters":{${parameters.join(",")}}}\n`;
    });
    const answer = await api.fetch("/callbacks/demo/calls", { method: "POST", headers: NDJSON, body: lines.join("") });
    return answer.status;
  });
  const statuses = Promise.all(streams);
  const isOver = { now: false };
  void statuses.finally(() => {
    isOver.now = true;
  });
  while (!isOver.now) await api.fetch("/healthz", { signal: AbortSignal.timeout(10_000) });
  lock.close();
  expect(new Set(await statuses)).toEqual(new Set([503]));
});

it("answers 503 to registrations whose values have no room while another one's endpoint is checked, in 256 MiB", async () => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/`;
  const service = await home.serve(["--db", home.path("checked.db")], {
    env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=256" },
  });
  const api = new ServedApi(service.url);
  const answers: (number | string | null)[] = [];
  const register = async (_: unknown, request: number) => {
    const settings = { name: `callback ${request}`, url, email: "ops@example.com", auth: { type: "httpheader", key: "k" } };
    const ignored = Array.from({ length: 99_900 }, (_, index) => ({ [`k${index * 20 + request}`]: 0 }));
    const body = JSON.stringify({ ...settings, contentType: "json", ignored });
    const answer = await api.fetch("/callbacks", { method: "POST", headers: { "content-type": "application/json" }, body });
    answers.push(answer.status, answer.headers.get("retry-after"));
  };
  const registrations = Promise.allSettled(Array.from({ length: 20 }, register));
  await eventually(
    async () => answers.length,
    (length) => length === 38,
  );
  expect([new Set(answers), (await api.readiness()).status]).toEqual([new Set([503, "5"]), 200]);
  silent.closeAllConnections();
  silent.close();
  await registrations;
});

it("delivers large calls of ampersands in XML, of two callbacks at once, in 256 MiB", async () => {
  const received: number[] = [];
  const endpoint = createServer(async (delivery, answer) => {
    let bytes = 0;
    for await (const chunk of delivery) bytes += chunk.length;
    received.push(bytes);
    answer.end();
  }).listen(0, "127.0.0.1");
  await once(endpoint, "listening");
  const address = endpoint.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const service = await home.serve(["--no-endpoint-check", "--db", home.path("dispatched.db")], {
    env: { ...USER_ENV, NODE_OPTIONS: "--max-old-space-size=256" },
  });
  const api = new ServedApi(service.url);
  const post = async (path: string, document: object) => {
    const headers = { "content-type": "application/json" };
    const answer = await api.fetch(path, { method: "POST", headers, body: JSON.stringify(document) });
    return answer.status;
  };
  const settings = { url: `http://127.0.0.1:${port}/`, contentType: "xml", auth: { type: "httpheader", key: "k" } };
  const callbacks = { reply: "enabled", undeliverable: "enabled" };
  for (const name of ["one", "two"]) {
    expect(await post("/callbacks", { name, ...settings, removeHTML: "disabled", email: "ops@example.com", callbacks })).toBe(
      201,
    );
  }
  const call = { responseMessage: { content: "&".repeat(BYTES) } };
  const isAccepted = (path: string) =>
    eventually(
      () => post(path, call),
      (status) => status === 202,
    );
  for (const name of ["one", "two", "one", "two"]) await isAccepted(`/callbacks/${name}/calls`);
  await eventually(
    async () => received.length,
    (count) => count === 4,
  );
  expect(received.map((bytes) => bytes > 5 * BYTES)).toEqual([true, true, true, true]);
  expect((await api.readiness()).status).toBe(200);
  endpoint.closeAllConnections();
  endpoint.close();
});
