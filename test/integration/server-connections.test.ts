/**
 * What one client may have open, waiting and unread, on real sockets.
 * Covers: src/server/connections.ts, src/server/lazy-parts.ts
 */
import { EventEmitter, once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { systemTimers } from "../../src/platform/running-timers.js";
import { connectionLimit } from "../../src/server/connections.js";
import type { ServerDeps } from "../../src/server/server-deps.js";
import { BASIC, CALLBACK_BODY, closeService, openService, type Service, USER } from "../support/server/server-fixture.js";
import { blockLoop } from "../support/time/block-loop.js";

let service: Service;
const clients: Client[] = [];

afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await closeService(service);
});

const STRANGER = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const KNOWN = `GET /auth/verify HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${BASIC}\r\nx-api-key: ${USER.apiKey}\r\n\r\n`;

const BODY = JSON.stringify(CALLBACK_BODY);
const CREATION = KNOWN.replace("GET /auth/verify", "POST /callbacks").replace(
  "\r\n\r\n",
  `\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);

class Client {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  text = "";

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1")
      .setEncoding("utf8")
      .on("error", () => undefined);
    this.socket.on("data", (text: string) => {
      this.text += text;
    });
    this.closed = new Promise((resolve) => this.socket.once("close", resolve));
    clients.push(this);
  }

  get statuses(): readonly string[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = ""]) => status);
  }

  async gets(request: string, count = 1): Promise<readonly string[]> {
    const before = this.statuses.length;
    this.socket.write(request);
    while (this.statuses.length < before + count && !this.socket.destroyed) {
      await Promise.race([once(this.socket, "data"), this.closed]);
    }
    return this.statuses.slice(before);
  }
}

async function listen(overrides: Partial<ServerDeps> = {}): Promise<() => Client> {
  service = await openService(overrides);
  await service.app.listen({ host: "127.0.0.1", port: 0 });
  const address = service.app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return () => new Client(port);
}

it("answers a request that arrived on an idle connection while this process was stopped, and closes one without", async () => {
  const open = await listen();
  service.app.server.keepAliveTimeout = 100;
  const [asking, idle] = [open(), open()];
  for (const client of [asking, idle]) expect(await client.gets(STRANGER)).toEqual(["200"]);
  const answered = asking.gets(STRANGER);
  blockLoop(2_000);
  expect(await answered).toEqual(["200"]);
  await idle.closed;
});

it("answers a request that had arrived when its time was over, and 408 to a client that has only begun one", async () => {
  const open = await listen();
  const { server } = service.app;
  // Node's own check comes later than this test's.
  server.headersTimeout = 0;
  const late = Object.assign(new Error("Request timeout"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });
  const timedOut = async (text: string) => {
    const client = open();
    const [[socket]] = await Promise.all([once(server, "connection"), once(client.socket, "connect")]);
    // What is written now is in the socket, unread.
    client.socket.write(text);
    server.emit("clientError", late, socket);
    return client.gets("");
  };
  expect(await timedOut(STRANGER)).toEqual(["200"]);
  expect(await timedOut(STRANGER.slice(0, 20))).toEqual(["408"]);
}, 20_000);

describe("pipelined requests", () => {
  it("are answered one after the other, in order, up to 17 at a time", async () => {
    let inFlight = 0;
    const open = await listen({
      async checkEndpoint() {
        inFlight += 1;
        expect(inFlight).toBe(1);
        await nextTurn();
        inFlight -= 1;
        return { kind: "answered", statusCode: 404, statusMessage: "", body: "" };
      },
    });
    const requests = Array.from({ length: 17 }, (_, index) => (index % 3 === 0 ? CREATION : STRANGER));
    expect(await open().gets(requests.join(""), 17)).toEqual(requests.map((one) => (one === CREATION ? "400" : "200")));
  });

  it("close the connection when there are more", async () => {
    const open = await listen();
    const client = open();
    client.socket.write(STRANGER.repeat(18));
    await client.closed;
    expect(client.statuses.length).toBeLessThan(18);
    expect(await open().gets(STRANGER)).toEqual(["200"]);
  });

  it("are not taken in, beyond those that may wait, although they have arrived", async () => {
    const open = await listen();
    let taken = 0;
    service.app.server.on("request", () => {
      taken += 1;
    });
    const client = open();
    client.socket.write(STRANGER.repeat(1000));
    await client.closed;
    expect(taken).toBe(18);
  });
});

it("closes a connection whose body nobody reads three seconds after the answer, though bytes still arrive", async () => {
  const limits = new Set<() => void>();
  const open = await listen({
    timers: {
      after(ms, handler) {
        if (ms !== 3000) return systemTimers.after(ms, handler);
        limits.add(handler);
        return () => limits.delete(handler);
      },
      runningMs: () => systemTimers.runningMs(),
      stoppedMs: () => systemTimers.stoppedMs(),
    },
  });
  const trickling = open();
  const head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n";
  expect(await trickling.gets(`${head}12345`)).toEqual(["200"]);
  // With its whole body it may go on.
  const complete = open();
  expect(await complete.gets(`${head}1234567890`)).toEqual(["200"]);
  expect(await complete.gets(STRANGER)).toEqual(["200"]);
  trickling.socket.write("6");
  expect(limits.size).toBe(1);
  for (const end of limits) end();
  await trickling.closed;
  expect(await complete.gets(STRANGER)).toEqual(["200"]);
});

describe("with every connection in use", () => {
  it("a new one replaces the oldest of a stranger, then the oldest idle one of a known client", async () => {
    const open = await listen({ maxConnections: 3 });
    const known = open();
    expect(await known.gets(KNOWN)).toEqual(["200"]);
    const [first, second] = [open(), open()];
    expect([await first.gets(STRANGER), await second.gets(STRANGER)]).toEqual([["200"], ["200"]]);
    const third = open();
    expect(await third.gets(KNOWN)).toEqual(["200"]);
    await first.closed;
    expect([known, second, third].map(({ socket }) => socket.destroyed)).toEqual([false, false, false]);
    expect(await second.gets(KNOWN)).toEqual(["200"]);
    expect(await open().gets(STRANGER)).toEqual(["200"]);
    await known.closed;
    expect([second, third].map(({ socket }) => socket.destroyed)).toEqual([false, false]);
  });

  it("one on which a known client waits for its answer is never closed", async () => {
    const checks: (() => void)[] = [];
    const began = new EventEmitter();
    const open = await listen({
      maxConnections: 1,
      checkEndpoint: () =>
        new Promise((resolve) => {
          checks.push(() => resolve({ kind: "answered", statusCode: 404, statusMessage: "", body: "" }));
          began.emit("check");
        }),
    });
    const known = open();
    const answered = known.gets(CREATION);
    await once(began, "check");
    const refused = open();
    expect(await refused.gets(STRANGER)).toEqual([]);
    checks[0]?.();
    expect(await answered).toEqual(["400"]);
    expect(await open().gets(STRANGER)).toEqual(["200"]);
  });
});

it.each([
  [null, 4096],
  [1_048_576, 4096],
  [1024, 480],
  [256, 96],
  [32, 8],
])("of %j descriptors, connections get %i", (descriptors, limit) => {
  expect(connectionLimit(descriptors)).toBe(limit);
});
