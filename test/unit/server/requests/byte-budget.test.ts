import { once } from "node:events";
import { connect } from "node:net";
import Fastify from "fastify";
import { expect, it } from "vitest";
import { systemTimers } from "../../../../src/platform/running-timers.js";
import { limitBodies } from "../../../../src/server/requests/bodies.js";
import { ByteBudget } from "../../../../src/server/requests/byte-budget.js";

const MIB = 1024 * 1024;

it("has room for 48 MiB of large bodies, and for small ones up to 64 MiB", () => {
  const budget = new ByteBudget();
  const large = Array.from({ length: 6 }, (_, index) => budget.tryReserve(`user ${index}`, 9.5 * MIB));
  let small = 0;
  while (budget.tryReserve(`user ${small}`, 64 * 1024)) small += 1;
  expect([large, small]).toEqual([[true, true, true, true, true, false], 264]);
  budget.release("user 0", 9.5 * MIB);
  expect([budget.tryReserve("eva", 9.5 * MIB), budget.tryReserve("eva", 64 * 1024)]).toEqual([false, true]);
});

it("has no room for one thing that would leave none to smaller ones", () => {
  expect(new ByteBudget().tryReserve("ada", 49 * MIB)).toBe(false);
});

it("lets an owner hold half, or one thing that is larger", () => {
  const budget = new ByteBudget();
  const held = Array.from({ length: 4 }, () => budget.tryReserve("ada", 10 * MIB));
  expect([held, budget.tryReserve("ada", 2 * MIB + 1), budget.tryReserve("ada", 2 * MIB)]).toEqual([
    [true, true, true, false],
    false,
    true,
  ]);
  for (const bytes of [10, 10, 10, 2]) budget.release("ada", bytes * MIB);
  expect([budget.tryReserve("ada", 40 * MIB), budget.tryReserve("ada", 1), budget.tryReserve("eva", 1)]).toEqual([
    true,
    false,
    true,
  ]);
});

it("lets those who wait in as room is released, first come, first served", async () => {
  const budget = new ByteBudget();
  for (const owner of ["x", "y"]) budget.tryReserve(owner, 24 * MIB);
  const log: string[] = [];
  const waiting = ["a", "b", "c"].map((name) => budget.reserve(name, 10 * MIB).then(() => log.push(name)));
  budget.release("x", 20 * MIB);
  await Promise.all(waiting.slice(0, 2));
  expect(log).toEqual(["a", "b"]);
  budget.release("y", 10 * MIB);
  await waiting[2];
  expect(log).toEqual(["a", "b", "c"]);
});

it("lets nobody wait for an owner who has half", async () => {
  const budget = new ByteBudget();
  await budget.reserve("ada", 32 * MIB);
  let hasMore = false;
  const more = budget.reserve("ada", 10 * MIB).then(() => (hasMore = true));
  await budget.reserve("eva", 10 * MIB);
  expect(hasMore).toBe(false);
  budget.release("ada", 32 * MIB);
  await more;
});

it("keeps no room for what isn't read: the body of a GET, which may be answered by a stream", async () => {
  const app = Fastify();
  limitBodies(app, new ByteBudget(100), { timers: systemTimers, limit: 100 });
  app.get("/", (_, reply) => void reply.hijack().raw.end("stream"));
  app.post("/", async () => "read");
  const headers = { "content-length": "60", "content-type": "text/plain" };
  expect((await app.inject({ url: "/", headers })).body).toBe("stream");
  expect((await app.inject({ method: "POST", url: "/", headers, payload: "x".repeat(60) })).body).toBe("read");
});

it("has room for the forms of 4 096 visitors of one address, so that none who sends it slowly keeps others from signing in", async () => {
  const app = Fastify();
  app.decorateRequest("visitor", null);
  app.addHook("onRequest", async (request) => {
    request.visitor = { credential: null, token: "" };
  });
  limitBodies(app, new ByteBudget(100), { timers: systemTimers, limit: MIB });
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  app.post("/", () => ended);
  const post = async () => {
    const answer = await app.inject({
      method: "POST",
      url: "/",
      body: "x".repeat(8192),
      headers: { "content-type": "text/plain" },
    });
    return answer.statusCode;
  };
  const all = Promise.all(Array.from({ length: 4096 }, post));
  expect(await post()).toBe(503);
  end();
  expect(new Set(await all)).toEqual(new Set([200]));
});

it("keeps a body's room until its answer, which may be long, is taken or its client has gone", async () => {
  const app = Fastify();
  limitBodies(app, new ByteBudget(100), { timers: systemTimers, limit: 100 });
  app.post("/", async () => "x".repeat(20 * MIB));
  const origin = await app.listen({ host: "127.0.0.1", port: 0 });
  const unread = connect(Number(new URL(origin).port), "127.0.0.1");
  unread.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 60\r\n\r\n${"x".repeat(60)}`);
  await once(unread, "readable");
  const post = async () => (await fetch(origin, { method: "POST", body: "x".repeat(60) })).status;
  expect(await post()).toBe(503);
  unread.destroy();
  await expect.poll(post).toBe(200);
  await app.close();
});
