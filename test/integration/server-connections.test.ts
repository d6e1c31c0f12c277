import { EventEmitter, once } from "node:events";
import type { Server } from "node:http";
import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../src/platform/logger.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { Connections, closeGracefully, connectionLimit } from "../../src/server/connections.js";
import { answerClientError } from "../../src/server/requests/send-errors.js";
import type { ServerDeps } from "../../src/server/server-deps.js";
import {
  BASIC,
  CALLBACK_BODY,
  CREDENTIALS,
  closeService,
  openService,
  type Service,
  USER,
} from "../support/server/server-fixture.js";
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
  return clientsOf(service.app.server);
}

function clientsOf(server: Server): () => Client {
  const address = server.address();
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
    // Data that is written now stays unread in the socket.
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

const MESSAGES: readonly (readonly [what: string, message: string])[] = [
  ["HTTP/1.1 without Host", "GET /healthz HTTP/1.1\r\n\r\n"],
  ["two Hosts", STRANGER.replace("\r\n\r\n", "\r\nHost: localhost\r\n\r\n")],
  ["an unknown Expect", STRANGER.replace("\r\n\r\n", "\r\nExpect: a-miracle\r\n\r\n")],
  ["Expect: 100-continue", STRANGER.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n")],
  ["HTTP/1.0", "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"],
  ["HTTP/2.0 in the line of HTTP/1", STRANGER.replace("HTTP/1.1", "HTTP/2.0")],
  ["CONNECT", "CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["a method that there isn't", STRANGER.replace("GET", "GETS")],
  ["a line that isn't HTTP", "HELLO\r\n\r\n"],
  ["headers over 16 KiB", STRANGER.replace("\r\n\r\n", `\r\nx: ${"y".repeat(17_000)}\r\n\r\n`)],
  ["too many headers", STRANGER.replace("\r\n\r\n", `${"\r\nx: y".repeat(101)}\r\n\r\n`)],
  ["a badly encoded path", STRANGER.replace("/healthz", "/%zz")],
  ["a chunk that isn't one", STRANGER.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")],
  ["an endless chunk extension", STRANGER.replace("\r\n\r\n", `\r\nTransfer-Encoding: chunked\r\n\r\n1;${"x".repeat(17_000)}`)],
];

describe("behind a request whose answer isn't there yet", () => {
  it.each(MESSAGES)("many with %s close the connection, and nothing is written into it", async (_, message) => {
    const check = new EventEmitter();
    const open = await listen({
      async checkEndpoint() {
        check.emit("began");
        await once(check, "end");
        return { kind: "answered", statusCode: 404, statusMessage: "", body: "" };
      },
    });
    const client = open();
    client.socket.write(CREATION);
    await once(check, "began");
    client.socket.write(message.repeat(1000));
    await client.closed;
    expect([client.text, service.app.connections.inFlight]).toEqual(["", 0]);
    check.emit("end");
    expect(await open().gets(STRANGER)).toEqual(["200"]);
  });
});

it.each([
  ["HTTP/1.1 without Host", "GET /nowhere HTTP/1.1\r\n\r\n", "400 Bad Request"],
  ["two Hosts", STRANGER.replace("\r\n\r\n", "\r\nhOST: localhost\r\n\r\n"), "400 Bad Request"],
  ["two Hosts in HTTP/1.0", "GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\nConnection: keep-alive\r\n\r\n", "400 Bad Request"],
  ["an unknown Expect", STRANGER.replace("\r\n\r\n", "\r\nExpect: a-miracle\r\n\r\n"), "417 Expectation Failed"],
])("answers %s with the error object, the service's headers, a log line and in the metrics", async (_, message, status) => {
  const logged: object[] = [];
  const open = await listen({ logger: { ...silentLogger, info: (fields) => void logged.push(fields) } });
  const client = open();
  expect(await client.gets(message + STRANGER, 2)).toEqual([status.slice(0, 3), "200"]);
  const [answer = ""] = client.text.split(/(?=HTTP\/1.1 200)/);
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\n[^]*x-request-id: [^]*content-security-policy: `));
  expect(body).toContain(`<errorText>${status.slice(4)}</errorText>`);
  expect(logged).toEqual([expect.objectContaining({ status: Number(status.slice(0, 3)) })]);
  const metrics = await service.app.inject({ url: "/metrics", headers: CREDENTIALS });
  expect(metrics.body).toContain(`status="${status.slice(0, 3)}"`);
});

it("writes nothing into an answer that has begun, when the rest of its request can't be read", async () => {
  const connections = new Connections({ limit: 10, timers: systemTimers });
  const server = connections.createServer((_, response) => void response.writeHead(200, { "content-length": 10 }).write("half"));
  server.on("clientError", (error, socket: Socket) => answerClientError(error, socket, connections));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const client = clientsOf(server)();
  expect(await client.gets(STRANGER.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"))).toEqual(["200"]);
  client.socket.write("zz\r\n");
  await client.closed;
  expect(client.text).toMatch(/\r\n\r\nhalf$/);
  server.close();
});

it("rejects a request with more than 100 headers", async () => {
  const open = await listen();
  const withHeaders = (count: number) => STRANGER.replace("\r\n\r\n", `${"\r\nx: y".repeat(count - 1)}\r\n\r\n`);
  expect(await open().gets(withHeaders(100) + withHeaders(101), 2)).toEqual(["200", "431"]);
});

it("answers an Upgrade like any other request, and closes: Node ignores what came with it", async () => {
  const client = (await listen())();
  const upgrade = STRANGER.replace("\r\n\r\n", "\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
  client.socket.write(upgrade.repeat(1000));
  await client.closed;
  expect(client.statuses).toEqual(["200"]);
});

const SIGN_IN = STRANGER.replace("GET /healthz", "POST /console/sign-in").replace(
  "\r\n\r\n",
  "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8000\r\n\r\na",
);

it("a stop waits three seconds for what strangers don't finish, and longer for a known client's answer", async () => {
  let finishCheck = (): void => undefined;
  const checked = new Promise<void>((resolve) => {
    finishCheck = resolve;
  });
  const open = await listen({
    async checkEndpoint() {
      await checked;
      return { kind: "answered", statusCode: 404, statusMessage: "", body: "" };
    },
  });
  const { app } = service;
  const [stranger, proxied, known] = [open(), open(), open()];
  const answered = known.gets(CREATION);
  // A proxy sends requests of others on the connection that a user's came on.
  expect(await proxied.gets(KNOWN)).toEqual(["200"]);
  for (const { socket } of [stranger, proxied]) socket.write(SIGN_IN);
  await expect.poll(() => app.connections.inFlight).toBe(3);
  let elapsedMs = 0;
  const stopped = closeGracefully(app, { timers: systemTimers, nowMs: () => elapsedMs, limitMs: 60_000 });
  await expect.poll(() => app.server.listening).toBe(false);
  elapsedMs = 2999;
  await nextSweep();
  expect([stranger, proxied].map(({ socket }) => socket.destroyed)).toEqual([false, false]);
  elapsedMs = 3000;
  await expect.poll(() => [stranger, proxied].map(({ socket }) => socket.destroyed), { timeout: 5000 }).toEqual([true, true]);
  finishCheck();
  expect(await answered).toEqual(["400"]);
  await stopped;
});

/** It is longer than `closeGracefully` takes to look again. */
const nextSweep = () => new Promise((resolve) => systemTimers.after(150, () => resolve(null)));

const FILL = "y".repeat(16_000);

it.each([
  ["headers", STRANGER.replace("\r\n\r\n", `\r\nx: ${FILL}\r\n\r\n`)],
  ["bodies", STRANGER.replace("\r\n\r\n", `\r\nContent-Length: ${FILL.length}\r\n\r\n${FILL}`)],
])(
  "closes strangers' connections whose requests wait, once the %s of all take 32 MiB, and no known client's",
  async (_, large) => {
    const connections = new Connections({ limit: 1000, timers: systemTimers });
    const known: Socket[] = [];
    const waiting = new EventEmitter();
    let received = 0;
    const server = connections.createServer((request) => {
      if (request.headers.authorization === undefined) return;
      connections.markKnown(request, "ada");
      known.push(request.socket);
    });
    server.on("request", () => waiting.emit(String(++received)));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const open = clientsOf(server);
    try {
      const first = open();
      first.socket.write(KNOWN);
      // Each takes 16 000 bytes and 4 KiB.
      const strangers = Array.from({ length: 100 }, open);
      const full = once(waiting, String(1 + 100 * 17));
      for (const { socket } of strangers) socket.write(STRANGER + large.repeat(16));
      await full;
      expect(strangers.filter(({ socket }) => socket.destroyed)).toEqual([]);
      const late = Array.from({ length: 10 }, open);
      for (const { socket } of late) socket.write(STRANGER + large.repeat(16));
      await Promise.race(late.map(({ closed }) => closed));
      const more = once(waiting, String(received + 16));
      first.socket.write(STRANGER.repeat(16));
      await more;
      expect(known.map(({ destroyed }) => destroyed)).toEqual([false]);
      await Promise.all([...strangers, ...late].map(({ socket, closed }) => socket.destroy() && closed));
      const afterwards = once(waiting, String(received + 17));
      open().socket.write(STRANGER + large.repeat(16));
      await afterwards;
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
);

it("closes a known client's connection whose requests wait, once those of its user take 16 MiB, or all users' 32 MiB", async () => {
  const connections = new Connections({ limit: 1000, timers: systemTimers });
  const arrivals = new EventEmitter();
  let received = 0;
  const server = connections.createServer((request) => connections.markKnown(request, String(request.headers.authorization)));
  server.on("request", () => arrivals.emit(String(++received)));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const open = clientsOf(server);
  // Sixteen requests of one connection take some 320 KB.
  const large = STRANGER.replace("\r\n\r\n", `\r\nx: ${FILL}\r\n\r\n`).repeat(16);
  const fill = async (user: string, count: number) => {
    const users = Array.from({ length: count }, open);
    const all = once(arrivals, String(received + 17 * count));
    for (const { socket } of users) socket.write(STRANGER.replace("\r\n\r\n", `\r\nAuthorization: ${user}\r\n\r\n`) + large);
    return { users, isFull: () => all };
  };
  try {
    const ada = await fill("ada", 50);
    await ada.isFull();
    const more = await fill("ada", 10);
    await Promise.race(more.users.map(({ closed }) => closed));
    for (const { socket } of more.users) socket.destroy();
    await Promise.all(more.users.map(({ closed }) => closed));
    received = 0;
    const eva = await fill("eva", 20);
    await eva.isFull();
    expect([...ada.users, ...eva.users].filter(({ socket }) => socket.destroyed)).toEqual([]);
    await Promise.race((await fill("eva", 40)).users.map(({ closed }) => closed));
    await Promise.all(ada.users.map(({ socket, closed }) => socket.destroy() && closed));
    received = 0;
    await (await fill("ada", 40)).isFull();
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it.each([
  ["closes the oldest one of a user who has more than half of all", ["eva", "eva", "ada"], [true, false, false], false],
  [
    "closes a stranger's rather than one on which that user waits",
    ["eva", null, "eva", "eva"],
    [false, true, false, false],
    false,
  ],
  ["closes none of users with half each, but the new one", ["eva", "ada", "ada", "eva"], [false, false, false, false], true],
] as const)("with all connections in use %s", async (_, users, closed, isNewClosed) => {
  const connections = new Connections({ limit: users.length, timers: systemTimers });
  const held: Socket[] = [];
  const taken = new EventEmitter();
  const server = connections.createServer((request) => {
    const user = users[held.length] ?? null;
    if (user !== null) connections.markKnown(request, user);
    held.push(request.socket);
    taken.emit("request");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const open = clientsOf(server);
  try {
    for (const _user of users) {
      const next = once(taken, "request");
      open().socket.write(STRANGER);
      await next;
    }
    const [connected] = [once(server, "connection"), open()];
    const [socket] = await connected;
    expect([held.map(({ destroyed }) => destroyed), socket.destroyed]).toEqual([closed, isNewClosed]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
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
  // A request with its whole body may go on.
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

  const checks: (() => void)[] = [];
  const began = new EventEmitter();
  const checkEndpoint: ServerDeps["checkEndpoint"] = () =>
    new Promise((resolve) => {
      checks.push(() => resolve({ kind: "answered", statusCode: 404, statusMessage: "", body: "" }));
      began.emit("check");
    });

  it("a new one replaces the oldest idle one of a user who has more than half of all", async () => {
    const open = await listen({ maxConnections: 3, checkEndpoint });
    const waiting = open();
    const answered = waiting.gets(CREATION);
    await once(began, "check");
    const [idle, other] = [open(), open()];
    expect([await idle.gets(KNOWN), await other.gets(STRANGER)]).toEqual([["200"], ["200"]]);
    expect(await open().gets(STRANGER)).toEqual(["200"]);
    checks.pop()?.();
    expect(await answered).toEqual(["400"]);
    await idle.closed;
    expect(other.socket.destroyed).toBe(false);
  });

  it("one on which a known client waits for its answer is never closed", async () => {
    const open = await listen({ maxConnections: 1, checkEndpoint });
    const known = open();
    const answered = known.gets(CREATION);
    await once(began, "check");
    const refused = open();
    expect(await refused.gets(STRANGER)).toEqual([]);
    checks.pop()?.();
    expect(await answered).toEqual(["400"]);
    expect(await open().gets(STRANGER)).toEqual(["200"]);
  });
});

it.each([
  [null, 4096, 4096],
  [1_048_576, 4096, 4096],
  [1024, 4096, 480],
  [256, 4096, 96],
  [32, 4096, 8],
  [null, 304, 540],
  [256, 304, 96],
  [null, 1, 8],
])("of %j descriptors and a heap of %i MiB, connections get %i", (descriptors, heapMiB, limit) => {
  expect(connectionLimit({ descriptors, heapBytes: heapMiB * 1024 * 1024 })).toBe(limit);
});
