import { once } from "node:events";
import { connect, type Socket } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, it } from "vitest";
import { addBodyParsers, endSlowBodies, limitBodies } from "../../src/server/requests/bodies.js";
import { ByteBudget } from "../../src/server/requests/byte-budget.js";
import { ManualTimers } from "../support/time/manual-timers.js";

let app: FastifyInstance;

beforeEach(() => {
  app = Fastify();
});
afterEach(() => app.close());

it("a request whose body breaks off or can't be read isn't kept until its deadline", async () => {
  const timers = new ManualTimers();
  addBodyParsers(app);
  endSlowBodies(app, timers);
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
  const timers = new ManualTimers();
  const budget = new ByteBudget(20_000_000);
  // A login takes time.
  app.addHook("onRequest", async ({ raw }) => new Promise((resolve) => raw.once("close", resolve)));
  addBodyParsers(app);
  endSlowBodies(app, timers);
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
