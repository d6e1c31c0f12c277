import { once } from "node:events";
import { connect, type Socket } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { Connections } from "../../src/server/connections.js";
import { addBodyParsers, endSlowBodies, limitBodies } from "../../src/server/requests/bodies.js";
import { ByteBudget } from "../../src/server/requests/byte-budget.js";
import { refuseLateRequests } from "../../src/server/requests/late-requests.js";
import { ReadTurns } from "../../src/server/requests/read-turns.js";
import { ManualTimers } from "../support/time/manual-timers.js";

let app: FastifyInstance;
let timers: ManualTimers;

beforeEach(() => {
  timers = new ManualTimers();
  const connections = new Connections({ limit: 10, timers });
  app = Fastify({ serverFactory: (handler) => connections.createServer(handler) });
  app.decorate("connections", connections);
});
afterEach(() => app.close());

it("a request whose body breaks off or can't be read isn't kept until its deadline", async () => {
  addBodyParsers(app, new ReadTurns({ clock: systemClock, timers }));
  endSlowBodies(app);
  app.post("/", async () => "");
  const port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
  for (const body of ["ZZ\r\n", "5\r\nab"]) {
    const accepted = once(app.server, "connection");
    const client = connect(port, "127.0.0.1");
    const [socket] = (await accepted) as [Socket];
    // A broken body has an error, too.
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const received = once(socket, "data");
    client.write(`POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
    await received;
    client.end();
    await closed;
  }
  expect(timers.count).toBe(1);
  timers.advance(5_000);
  expect(timers.count).toBe(0);
});

it("a request whose connection breaks before its body is read keeps no room and no deadline", async () => {
  const budget = new ByteBudget(20_000_000);
  // A login takes time.
  app.addHook("onRequest", async ({ raw }) => new Promise((resolve) => raw.once("close", resolve)));
  addBodyParsers(app, new ReadTurns({ clock: systemClock, timers }));
  endSlowBodies(app);
  limitBodies(app, budget, { timers, limit: 10_000_000 });
  app.addHook("onSend", async () => void app.server.emit("answered"));
  app.post("/", async () => "");
  const port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
  for (const head of ["Transfer-Encoding: chunked\r\n\r\n5\r\nab", "Content-Length: 9000000\r\n\r\nab"]) {
    const answered = new Promise((resolve) => app.server.once("answered", resolve));
    const client = connect(port, "127.0.0.1");
    await once(client, "connect");
    const requested = once(app.server, "request");
    client.write(`POST / HTTP/1.1\r\nHost: x\r\n${head}`);
    await requested;
    client.resetAndDestroy();
    await answered;
  }
  timers.advance(5_000);
  expect([budget.tryReserve("ada", 15_000_000), timers.count]).toEqual([true, 0]);
});

it("an answered request isn't kept until its deadline if the rest of its body never comes", async () => {
  addBodyParsers(app, new ReadTurns({ clock: systemClock, timers }));
  endSlowBodies(app);
  app.post("/", async () => "");
  const port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
  const client = connect(port, "127.0.0.1");
  const closed = new Promise((resolve) => app.server.once("connection", (socket) => socket.once("close", resolve)));
  client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\nab");
  await once(client, "data");
  client.destroy();
  await closed;
  timers.advance(5_000);
  expect(timers.count).toBe(0);
});

it("a stream may take longer than a minute", async () => {
  addBodyParsers(app, new ReadTurns({ clock: systemClock, timers }));
  endSlowBodies(app);
  app.post("/", { config: { takesNdjson: true } }, (request) => once(request.raw.socket, "close"));
  const port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
  const client = connect(port, "127.0.0.1");
  const requested = once(app.server, "request");
  client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 9\r\n\r\n{");
  const [{ socket }] = await requested;
  timers.advance(65_000);
  expect(socket.destroyed).toBe(false);
  client.destroy();
});

const HEAD = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";

/** Returns once the response is closed. */
async function send(budget: ByteBudget, { body, end }: Sent, answer: (reply: FastifyReply) => unknown): Promise<void> {
  addBodyParsers(app, new ReadTurns({ clock: systemClock, timers }));
  limitBodies(app, budget, { timers, limit: 50 });
  refuseLateRequests(app, { clock: systemClock, store: { databaseId: null, readTime: async () => systemClock.now() } });
  app.post("/", async (_, reply) => answer(reply));
  const port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
  const requested = once(app.server, "request");
  const client = connect(port, "127.0.0.1");
  client.write(HEAD + body);
  if (end === "behind the body") client.end();
  const [, response] = await requested;
  const closed = once(response, "close");
  if (end === "while it is read") client.destroy();
  await closed;
}

interface Sent {
  readonly body: string;
  readonly end?: "behind the body" | "while it is read";
}

/** The client goes while the request is handled. */
async function lose(reply: FastifyReply): Promise<void> {
  const closed = once(reply.raw, "close");
  reply.raw.destroy();
  await closed;
}

it.each<[string, Sent, (reply: FastifyReply) => unknown]>([
  ["is answered", { body: "{}" }, () => "answer"],
  ["fails", { body: "{}" }, () => Promise.reject(new Error("failed"))],
  ["is answered past Fastify", { body: "{}" }, (reply) => void reply.hijack().raw.end("answer")],
  ["loses its client and is answered", { body: "{}" }, (reply) => lose(reply).then(() => reply.send("answer"))],
  ["loses its client and fails", { body: "{}" }, (reply) => lose(reply).then(() => Promise.reject(new Error("failed")))],
  ["loses its client and has no answer", { body: "{}" }, lose],
  ["ends its connection right behind its body", { body: "{}", end: "behind the body" }, () => "answer"],
  ["is cut off while its body is read", { body: "{", end: "while it is read" }, () => "answer"],
  ["can't be read", { body: "{{" }, () => "answer"],
])("a request that %s keeps no room", async (_, sent, answer) => {
  const budget = new ByteBudget(100);
  await send(budget, sent, answer);
  await expect.poll(() => budget.hasRoom("ada", 100)).toBe(true);
});

it("a request that is still handled keeps its room although its client has gone", async () => {
  const budget = new ByteBudget(100);
  let stored = (): void => undefined;
  const storing = new Promise<void>((resolve) => (stored = resolve));
  await send(budget, { body: "{}" }, async (reply) => {
    reply.raw.destroy();
    await storing;
  });
  await systemClock.nextTurn();
  expect(budget.hasRoom("ada", 100)).toBe(false);
  stored();
  await expect.poll(() => budget.hasRoom("ada", 100)).toBe(true);
});

const LONG = `{"content":"${"x".repeat(5_000)}"}`;

async function post(body: string): Promise<number> {
  return (await app.inject({ method: "POST", url: "/", headers: { "content-type": "application/json" }, body })).statusCode;
}

it("a long body waits for its turn, a short one doesn't", async () => {
  const turns: (() => void)[] = [];
  const clock = { nextTurn: () => new Promise<void>((resolve) => turns.push(resolve)) };
  addBodyParsers(app, new ReadTurns({ clock, timers }));
  app.post("/", async () => "");
  const long = post(LONG);
  await expect.poll(() => turns.length).toBe(1);
  expect(await post("{}")).toBe(200);
  turns[0]?.();
  expect(await long).toBe(200);
});

it("a long body whose client has gone keeps its room until its turn, and isn't read then", async () => {
  const turns: (() => void)[] = [];
  const clock = { nextTurn: () => new Promise<void>((resolve) => turns.push(resolve)) };
  const budget = new ByteBudget(20_000);
  addBodyParsers(app, new ReadTurns({ clock, timers }));
  limitBodies(app, budget, { timers, limit: 10_000 });
  let handled = 0;
  app.post("/", async () => String(++handled));
  const port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
  const client = connect(port, "127.0.0.1");
  const accepted = once(app.server, "connection");
  client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${LONG.length}\r\n\r\n${LONG}`);
  const [socket] = (await accepted) as [Socket];
  await expect.poll(() => turns.length).toBe(1);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  client.resetAndDestroy();
  await closed;
  await systemClock.nextTurn();
  expect(budget.hasRoom("ada", 18_000)).toBe(false);
  turns[0]?.();
  await expect.poll(() => budget.hasRoom("ada", 18_000)).toBe(true);
  expect(handled).toBe(0);
});

it.each([
  ["lists", "application/json", `[${"[],".repeat(1_999)}[]]`, 2_001],
  ["levels", "application/json", `${"[".repeat(2_500)}${"]".repeat(2_500)}`, 2_500],
  ["members", "application/json", `{"a":{${Array.from({ length: 1_000 }, (_, index) => `"k${index}":0`)}}}`, 1_002],
  ["tags", "application/xml", `<a>${"<b/>".repeat(1_500)}</a>`, 1_502],
])("a long body of %s keeps room for its values until its request has ended", async (_, type, body, values) => {
  const budget = new ByteBudget(1_000_000);
  addBodyParsers(app, new ReadTurns({ clock: systemClock, timers }));
  limitBodies(app, budget, { timers, limit: 10_000 });
  let end = (): void => undefined;
  const isHandled = new Promise<void>((handled) => {
    app.post("/", async () => {
      handled();
      await new Promise<void>((resolve) => (end = resolve));
    });
  });
  const sent = app.inject({ method: "POST", url: "/", headers: { "content-type": type }, body });
  await isHandled;
  const left = 750_000 - body.length - 100 * values;
  expect([budget.hasRoom("ada", left), budget.hasRoom("ada", left + 1)]).toEqual([true, false]);
  end();
  await sent;
  await expect.poll(() => budget.hasRoom("ada", 750_000)).toBe(true);
});
