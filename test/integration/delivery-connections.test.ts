/** Connection reuse, limits and aborting. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { selfSignedCertificate } from "../support/delivery/certificate.js";
import { DEADLINE_MS, DeliverySetup, OK, says } from "../support/delivery/delivery-setup.js";
import { ManualTimers } from "../support/time/manual-timers.js";

const DELIVERED = { kind: "answered", statusCode: 200, statusMessage: "OK", body: "ok" };

const at = new DeliverySetup();
afterEach(() => at.end());

describe("a kept connection", () => {
  test("is used for one request after another", async () => {
    await at.start(says(OK));
    for (let sent = 0; sent < 5; sent++) await at.deliverer.deliver(at.post());
    expect([at.server.connections(), at.server.requests()]).toEqual([1, 5]);
  });

  test("isn't used any more once it is a minute old, as the endpoint may have moved to another address", async () => {
    const time = new ManualTimers();
    const clock = { ...systemClock, monotonicMs: () => time.monotonicMs() };
    await at.start(says(OK), { clock, timers: time, keepAliveMs: 3_600_000 });
    const connections = [];
    for (const ms of [0, 59_999, 1, 0]) {
      time.advance(ms);
      await at.deliverer.deliver(at.post());
      await new Promise((resolve) => setImmediate(resolve));
      connections.push(at.server.connections());
    }
    expect(connections).toEqual([1, 1, 1, 2]);
  });

  test("that the endpoint resets or ends instead of answering: the request is sent once more on a fresh one", async () => {
    for (const close of [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => socket.end()]) {
      await at.start((socket, number) => void (number === 1 ? socket.write(OK) : close(socket)));
      expect((await at.deliverer.deliver(at.post())).result).toEqual(DELIVERED);
      expect((await at.deliverer.deliver(at.post())).result).toEqual({ ...DELIVERED, resent: true });
      expect([at.server.connections(), at.server.requests()]).toEqual([2, 3]);
      await at.end();
    }
  });

  test("isn't the reason of a second resend, nor of one after the first byte of an answer", async () => {
    await at.start((socket, number) => {
      if (at.server.connections() === 1 && number === 1) socket.write(OK);
      else socket.resetAndDestroy();
    });
    await at.deliverer.deliver(at.post());
    const { result } = await at.deliverer.deliver(at.post());
    expect(result).toMatchObject({ kind: "unreachable", reason: "reset", resent: true });
    expect([at.server.connections(), at.server.requests()]).toEqual([2, 3]);
    await at.end();

    await at.start((socket, number) => void (number === 1 ? socket.write(OK) : socket.end("H")));
    await at.deliverer.deliver(at.post());
    expect((await at.deliverer.deliver(at.post())).result).toMatchObject({ kind: "unreachable", reason: "reset" });
    expect([at.server.connections(), at.server.requests()]).toEqual([1, 2]);
  });

  test("may report an error once it is closed, as TLS over a stream does: the process goes on", async () => {
    const sockets: Socket[] = [];
    const note = (message: unknown) => void sockets.push((message as { readonly socket: Socket }).socket);
    subscribe("undici:client:connected", note);
    await at.start(says(OK), {}, selfSignedCertificate("IP:127.0.0.1"));
    await at.deliverer.deliver(at.post());
    unsubscribe("undici:client:connected", note);
    const [socket] = sockets;
    socket?.destroy(new Error("reset"));
    await new Promise((resolve) => socket?.once("close", resolve));
    expect(() => socket?.emit("error", Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }))).not.toThrow();
    expect((await at.deliverer.deliver(at.post())).result).toEqual(DELIVERED);
  });

  test("that the endpoint loses as it stops: the request isn't sent again, and counts as lost, as the endpoint may have it", async () => {
    await at.start((socket, number) => {
      if (number === 1) socket.write(OK);
      else void at.server.close();
    });
    const { host } = new URL(at.server.url);
    await at.deliverer.deliver(at.post());
    expect((await at.deliverer.deliver(at.post())).result).toEqual({
      kind: "unreachable",
      reason: "reset",
      detail: expect.stringMatching(RegExp(`${host}.*, then ${host} refused the connection$`)),
    });
  });

  test("is used for one request only, for ten minutes after three resends within ten minutes", async () => {
    const time = new ManualTimers();
    const clock = { ...systemClock, monotonicMs: () => time.monotonicMs() };
    await at.start((socket, number) => void (number === 1 ? socket.write(OK) : socket.resetAndDestroy()), {
      clock,
      timers: time,
      keepAliveMs: 3_600_000,
    });
    const isResent = async () => (await at.deliverer.deliver(at.post())).result.resent === true;
    expect([await isResent(), await isResent()]).toEqual([false, true]);
    time.advance(600_001);
    expect([await isResent(), await isResent()]).toEqual([true, true]);
    time.advance(600_000);
    expect([await isResent(), await isResent(), await isResent()]).toEqual([true, false, false]);
    time.advance(599_999);
    expect([await isResent(), await isResent()]).toEqual([false, false]);
    time.advance(1);
    expect([await isResent(), await isResent()]).toEqual([false, true]);
  });

  test("doesn't lose a request that waits for it when it is resent", async () => {
    await at.start((socket, number) => void (number === 1 ? socket.write(OK) : socket.resetAndDestroy()), {
      maxConnectionsPerOrigin: 1,
      deadlineMs: 10_000,
    });
    const results = await Promise.all(Array.from({ length: 20 }, () => at.deliverer.deliver(at.post())));
    expect(results.map(({ result }) => result.kind === "answered" && result.statusCode)).toEqual(Array(20).fill(200));
    expect(results.filter(({ result }) => result.resent === true)).toHaveLength(3);
  });

  test("that the endpoint closes after its answer is replaced for the next request", async () => {
    await at.start((socket) => void socket.end(OK));
    for (let sent = 0; sent < 5; sent++) {
      expect((await at.deliverer.deliver(at.post())).result).toMatchObject({ statusCode: 200 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(at.server.requests()).toBe(5);
  });

  test("never returns one request's late bytes as the answer to the next", async () => {
    await at.start(
      (socket, number) =>
        void socket.write(
          number === 1
            ? `${OK}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfalse`
            : "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
        ),
    );
    await at.deliverer.deliver(at.post());
    const { result } = await at.deliverer.deliver(at.post());
    expect(result).not.toMatchObject({ body: "false" });
  });

  test("isn't reused after an answer that was too long", async () => {
    await at.start((socket) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n${"y".repeat(70_000)}`));
    for (let sent = 0; sent < 3; sent++) await at.deliverer.deliver(at.post());
    expect([at.server.connections(), at.server.requests()]).toEqual([3, 3]);
  });

  test("is closed when it has been idle", async () => {
    let ended: () => void = () => undefined;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    await at.start(
      (socket) => {
        socket.once("close", ended);
        socket.write(OK);
      },
      { keepAliveMs: 50 },
    );
    await at.deliverer.deliver(at.post());
    await end;
    expect((await at.deliverer.deliver(at.post())).result).toMatchObject({ statusCode: 200 });
  });
});

describe("the limits", () => {
  test("apply to the whole exchange, waiting for a connection included", async () => {
    // Both deadlines are at the same instant. With real time, the second request could get the connection in between.
    const time = new ManualTimers();
    let onReceived: () => void = () => undefined;
    const received = new Promise<void>((resolve) => {
      onReceived = resolve;
    });
    await at.start(() => onReceived(), {
      maxConnectionsPerOrigin: 1,
      clock: { ...systemClock, monotonicMs: () => time.monotonicMs() },
      timers: time,
    });
    const both = Promise.all([at.deliverer.deliver(at.post()), at.deliverer.deliver(at.post())]);
    await received;
    time.advance(DEADLINE_MS);
    expect((await both).map(({ result }) => result.kind === "unreachable" && result.reason)).toEqual([
      "response-timeout",
      "connect-timeout",
    ]);
    expect(at.server.requests()).toBe(1);
  });

  test("pass the connection of a request that timed out to the next", async () => {
    const time = new ManualTimers();
    let onReceived: () => void = () => undefined;
    const received = new Promise<void>((resolve) => {
      onReceived = resolve;
    });
    await at.start((socket) => void (at.server.connections() === 1 ? onReceived() : socket.write(OK)), {
      maxConnectionsPerOrigin: 1,
      clock: { ...systemClock, monotonicMs: () => time.monotonicMs() },
      timers: time,
    });
    const hung = at.deliverer.deliver(at.post());
    await received;
    time.advance(1);
    const waiting = at.deliverer.deliver(at.post());
    time.advance(DEADLINE_MS - 1);
    expect((await hung).result).toMatchObject({ reason: "response-timeout" });
    expect((await waiting).result).toEqual(DELIVERED);
  });

  test("allow only so many connections per origin", async () => {
    await at.start(says(OK), { maxConnectionsPerOrigin: 3, deadlineMs: 30_000 });
    const results = await Promise.all(Array.from({ length: 200 }, () => at.deliverer.deliver(at.post())));
    expect(results.every(({ result }) => result.kind === "answered" && result.statusCode === 200)).toBe(true);
    expect([at.server.connections(), at.server.requests()]).toEqual([3, 200]);
  });
});

describe("the service", () => {
  test("aborts requests in flight and waiting when it closes, and sends nothing more", async () => {
    const stopped = { kind: "unreachable", reason: "reset", detail: "the service is stopping" };
    await at.start(() => undefined, { maxConnectionsPerOrigin: 1, deadlineMs: 60_000 });
    const both = Promise.all([at.deliverer.deliver(at.post()), at.deliverer.deliver(at.post())]);
    await at.deliverer.close();
    expect((await both).map(({ result }) => result)).toEqual([stopped, stopped]);
    expect((await at.deliverer.deliver(at.post())).result).toEqual(stopped);
  });

  test("sends the request as given, and accepts no compression", async () => {
    await at.start(says(OK));
    await at.deliverer.deliver(at.post({ url: `${at.server.url}/a%20b?Auth=x%20y#there` }));
    expect(at.server.lastRequest().split("\r\n")).toEqual([
      "POST /hook/a%20b?Auth=x%20y HTTP/1.1",
      `host: 127.0.0.1:${at.server.port}`,
      "connection: keep-alive",
      "accept-encoding: identity",
      "content-type: application/json",
      "webhook-id: 0193A1B2C3D47E5F8091A2B3C4D5E6F7",
      "content-length: 17",
      "",
      '{"messageid":"A"}',
    ]);
  });

  test("sends a GET without a body for the check of a registration", async () => {
    await at.start(says(OK));
    const { result } = await at.deliverer.deliver({
      method: "GET",
      url: at.server.url,
      headers: { authorization: "Bearer k" },
      body: null,
    });
    expect(result).toEqual({ kind: "answered", statusCode: 200, statusMessage: "OK", body: "ok" });
    expect(at.server.lastRequest().split("\r\n")).toEqual([
      "GET /hook HTTP/1.1",
      `host: 127.0.0.1:${at.server.port}`,
      "connection: keep-alive",
      "accept-encoding: identity",
      "authorization: Bearer k",
      "",
      "",
    ]);
  });

  test("reports a header that can't be sent without repeating its value", async () => {
    await at.start(says(OK));
    const { result } = await at.deliverer.deliver(at.post({ headers: { "x-whispir-callback-key": "secret\r\nx: y" } }));
    expect(result).toMatchObject({ kind: "unreachable", reason: "protocol" });
    expect(JSON.stringify(result)).not.toContain("secret");
    expect((await at.deliverer.deliver(at.post())).result).toMatchObject({ statusCode: 200 });
  });
});
