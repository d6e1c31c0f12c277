import { once } from "node:events";
import { connect, type Socket } from "node:net";
import Fastify from "fastify";
import { afterEach, expect, it } from "vitest";
import { addBodyParsers, endSlowBodies } from "../../src/server/requests/bodies.js";
import { ManualTimers } from "../support/time/manual-timers.js";

const app = Fastify();

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
    // The broken one has an error, too.
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
