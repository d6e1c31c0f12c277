/** Connections that are kept, the limits on them, and how the service ends what is under way. */
import { afterEach, describe, expect, test } from "vitest";
import { DEADLINE_MS, DeliverySetup, OK, says } from "../support/delivery/delivery-setup.js";

const at = new DeliverySetup();
afterEach(() => at.end());

describe("a connection that is kept", () => {
  test("carries one request after another", async () => {
    await at.start(says(OK));
    for (let sent = 0; sent < 5; sent++) await at.deliverer.deliver(at.post());
    expect([at.server.connections(), at.server.requests()]).toEqual([1, 5]);
  });

  test("and is cut when the next request arrives: that one is a reset, and is not sent again", async () => {
    await at.start((socket, number) => void (number === 1 ? socket.write(OK) : socket.resetAndDestroy()));
    await at.deliverer.deliver(at.post());
    const { result } = await at.deliverer.deliver(at.post());
    expect(result).toMatchObject({ kind: "unreachable", reason: "reset" });
    expect([at.server.connections(), at.server.requests()]).toEqual([1, 2]);
    expect((await at.deliverer.deliver(at.post())).result).toMatchObject({ statusCode: 200 });
  });

  test("and is closed by the endpoint after its answer: the next request takes a new one", async () => {
    await at.start((socket) => void socket.end(OK));
    for (let sent = 0; sent < 5; sent++) {
      expect((await at.deliverer.deliver(at.post())).result).toMatchObject({ statusCode: 200 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(at.server.requests()).toBe(5);
  });

  test("never passes one request's late bytes off as the answer of the next", async () => {
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

  test("isn't used again after an answer that was too long", async () => {
    await at.start((socket) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n${"y".repeat(70_000)}`));
    for (let sent = 0; sent < 3; sent++) await at.deliverer.deliver(at.post());
    expect([at.server.connections(), at.server.requests()]).toEqual([3, 3]);
  });

  test("is ended when it has been idle", async () => {
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
  test("hold for the whole exchange, waiting for a connection included", async () => {
    await at.start(() => undefined, { maxConnectionsPerOrigin: 1 });
    const began = performance.now();
    const results = await Promise.all([at.deliverer.deliver(at.post()), at.deliverer.deliver(at.post())]);
    expect(results.map(({ result }) => result.kind === "unreachable" && result.reason)).toEqual([
      "response-timeout",
      "connect-timeout",
    ]);
    expect(performance.now() - began).toBeLessThan(DEADLINE_MS + 2_000);
    expect(at.server.requests()).toBe(1);
  });

  test("give the slot of one that hung to the next", async () => {
    await at.start((socket) => void (at.server.connections() === 1 ? undefined : socket.write(OK)), {
      maxConnectionsPerOrigin: 1,
    });
    const hung = at.deliverer.deliver(at.post());
    const aborted = new AbortController();
    const waiting = at.deliverer.deliver(at.post(), aborted.signal);
    expect((await hung).result).toMatchObject({ reason: "response-timeout" });
    expect((await waiting).result).toMatchObject({ kind: "unreachable" });
    expect((await at.deliverer.deliver(at.post())).result).toMatchObject({ statusCode: 200 });
  });

  test("open no more connections to an origin than are allowed", async () => {
    await at.start(says(OK), { maxConnectionsPerOrigin: 3, deadlineMs: 30_000 });
    const results = await Promise.all(Array.from({ length: 200 }, () => at.deliverer.deliver(at.post())));
    expect(results.every(({ result }) => result.kind === "answered" && result.statusCode === 200)).toBe(true);
    expect([at.server.connections(), at.server.requests()]).toEqual([3, 200]);
  });
});

describe("the service", () => {
  const CUT_OFF = { kind: "unreachable", reason: "reset", detail: "cut off by the service" };

  test("can cut off what is under way, and what waits", async () => {
    await at.start(() => undefined, { maxConnectionsPerOrigin: 1, deadlineMs: 60_000 });
    const cut = new AbortController();
    const both = Promise.all([at.deliverer.deliver(at.post(), cut.signal), at.deliverer.deliver(at.post(), cut.signal)]);
    cut.abort();
    expect((await both).map(({ result }) => result)).toEqual([CUT_OFF, CUT_OFF]);
    expect((await at.deliverer.deliver(at.post(), cut.signal)).result).toEqual(CUT_OFF);
  });

  test("ends everything when it closes", async () => {
    await at.start(() => undefined, { deadlineMs: 60_000 });
    const hanging = at.deliverer.deliver(at.post());
    await at.deliverer.close();
    expect((await hanging).result).toMatchObject({ kind: "unreachable", reason: "reset" });
    expect((await at.deliverer.deliver(at.post())).result).toMatchObject({ kind: "unreachable", reason: "reset" });
  });

  test("sends what it was given, and asks for nothing compressed", async () => {
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

  test("asks with a GET, without a body, at a registration", async () => {
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

  test("says of a header that can't be sent that it can't, and not what is in it", async () => {
    await at.start(says(OK));
    const { result } = await at.deliverer.deliver(at.post({ headers: { "x-whispir-callback-key": "secret\r\nx: y" } }));
    expect(result).toMatchObject({ kind: "unreachable", reason: "protocol" });
    expect(JSON.stringify(result)).not.toContain("secret");
    expect((await at.deliverer.deliver(at.post())).result).toMatchObject({ statusCode: 200 });
  });
});
