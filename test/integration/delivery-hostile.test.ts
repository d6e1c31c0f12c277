/** Endpoints that misbehave, over real sockets: each costs one attempt, ends in time with the right kind of error, and nothing else. */
import type { Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import type { Deliverer } from "../../src/delivery/deliverer.js";
import { createDeliverer, type DelivererOptions } from "../../src/delivery/undici-deliverer.js";
import { systemClock } from "../../src/platform/clock.js";
import type { DeliveryRequest } from "../../src/wire/delivery-request.js";
import { drip, type RawServer, startRawServer, writeForEver } from "../support/raw-server.js";

const DEADLINE_MS = 500;
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

let deliverer: Deliverer;
let server: RawServer;

afterEach(async () => {
  await deliverer?.close();
  await server?.close();
});

async function endpoint(onRequest: (socket: Socket, number: number) => void, options: Partial<DelivererOptions> = {}) {
  server = await startRawServer(onRequest);
  deliverer = createDeliverer({ clock: systemClock, deadlineMs: DEADLINE_MS, connectTimeoutMs: 300, ...options });
}

function post(over: Partial<DeliveryRequest> = {}): DeliveryRequest {
  const headers = { "content-type": "application/json", "webhook-id": "0193A1B2C3D47E5F8091A2B3C4D5E6F7" };
  return { method: "POST", url: server.url, headers, body: '{"messageid":"A"}', ...over };
}

function says(text: string): (socket: Socket) => void {
  return (socket) => void socket.write(text, "latin1");
}

function saysAndEnds(text: string): (socket: Socket) => void {
  return (socket) => void socket.end(text, "latin1");
}

const TIMEOUT = { kind: "unreachable", reason: "response-timeout", detail: "no complete answer from HOST within 0.5 s" };
const NOT_HTTP = { kind: "unreachable", reason: "protocol", detail: "what HOST sent is no HTTP answer" };
const CLOSED = { kind: "unreachable", reason: "reset", detail: "HOST closed the connection before its answer was complete" };
const ENDED = { kind: "unreachable", reason: "reset", detail: "HOST ended the connection before its answer was complete" };

const CASES: readonly [name: string, onRequest: (socket: Socket) => void, result: object][] = [
  ["headers that drip", (socket) => drip(socket, `HTTP/1.1 200 OK\r\nx: ${"y".repeat(9_999)}`, 5), TIMEOUT],
  ["a status line that drips", (socket) => drip(socket, `HTTP/1.1 200 ${"O".repeat(9_999)}`, 5), TIMEOUT],
  [
    "a body that drips",
    (socket) => drip(socket, `HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n${"y".repeat(9_999)}`, 5),
    TIMEOUT,
  ],
  [
    "chunks that drip",
    (socket) => drip(socket, `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${"1\r\ny\r\n".repeat(999)}`, 5),
    TIMEOUT,
  ],
  ["no answer at all", () => undefined, TIMEOUT],
  ["half an answer", says("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), TIMEOUT],
  [
    "a cut before the status line",
    (socket) => void socket.resetAndDestroy(),
    { kind: "unreachable", reason: "reset", detail: "the connection to HOST broke (ECONNRESET)" },
  ],
  ["an end before the status line", (socket) => void socket.end(), CLOSED],
  ["an end within the headers", saysAndEnds("HTTP/1.1 200 OK\r\nx: "), CLOSED],
  ["an end within the body", saysAndEnds("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), CLOSED],
  ["an end within a chunk", saysAndEnds("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nha"), CLOSED],
  [
    "a last answer that is cut short",
    saysAndEnds("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhalf"),
    ENDED,
  ],
  [
    "a megabyte of headers",
    (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${`x-${"y".repeat(60)}: z\r\n`.repeat(16_000)}\r\n`),
    { kind: "unreachable", reason: "too-large", detail: "the answer's headers are over 16 KiB" },
  ],
  [
    "one header of a megabyte",
    (socket) => void socket.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(1_000_000)}\r\n\r\n`),
    { kind: "unreachable", reason: "too-large", detail: "the answer's headers are over 16 KiB" },
  ],
  [
    "a megabyte of trailers",
    (socket) =>
      void socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${`x: ${"y".repeat(60)}\r\n`.repeat(16_000)}`),
    { kind: "unreachable", reason: "too-large", detail: "the answer's headers are over 16 KiB" },
  ],
  [
    "a hundred thousand informational answers",
    (socket) => void socket.write(`${"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100_000)}${OK}`),
    { kind: "unreachable", reason: "too-large", detail: "HOST sent over 100 informational answers" },
  ],
  ["informational answers that drip", (socket) => drip(socket, "HTTP/1.1 102 Processing\r\n\r\n".repeat(99), 5), TIMEOUT],
  ["bytes that are no HTTP", says("SSH-2.0-OpenSSH_9.6\r\n"), NOT_HTTP],
  ["two lengths", says("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"), NOT_HTTP],
  ["a length and chunks", says("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"), NOT_HTTP],
  [
    "a switch of protocols",
    says("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    { kind: "unreachable", reason: "protocol", detail: "HOST sent an answer that nothing had asked for" },
  ],
  [
    "a redirect to an internal address",
    says("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/?token=x\r\ncontent-length: 0\r\n\r\n"),
    { kind: "unreachable", reason: "redirect", detail: "302 Found, not followed (to http://169.254.169.254)" },
  ],
  [
    "201",
    says("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n"),
    { kind: "answered", statusCode: 201, statusMessage: "Created", body: "" },
  ],
  ["204", says("HTTP/1.1 204 No Content\r\n\r\n"), { kind: "answered", statusCode: 204, statusMessage: "No Content", body: "" }],
  [
    "301 to nowhere",
    says("HTTP/1.1 301 Moved Permanently\r\ncontent-length: 0\r\n\r\n"),
    { kind: "unreachable", reason: "redirect", detail: "301 Moved Permanently, not followed" },
  ],
  [
    "304",
    says("HTTP/1.1 304 Not Modified\r\n\r\n"),
    { kind: "answered", statusCode: 304, statusMessage: "Not Modified", body: "" },
  ],
  [
    "410",
    says("HTTP/1.1 410 Gone\r\ncontent-length: 3\r\n\r\nbye"),
    { kind: "answered", statusCode: 410, statusMessage: "Gone", body: "bye" },
  ],
  [
    "429",
    says("HTTP/1.1 429 \r\ncontent-length: 0\r\n\r\n"),
    { kind: "answered", statusCode: 429, statusMessage: "Too Many Requests", body: "" },
  ],
  [
    "500",
    says("HTTP/1.1 500 Oh no\r\ncontent-length: 3\r\n\r\n\0\x1b["),
    { kind: "answered", statusCode: 500, statusMessage: "Oh no", body: "\ufffd\x1b[" },
  ],
  [
    "an answer that the end of the connection ends",
    saysAndEnds("HTTP/1.1 200 OK\r\n\r\nfine"),
    { kind: "answered", statusCode: 200, statusMessage: "OK", body: "fine" },
  ],
  [
    "a character cut in two",
    says(`HTTP/1.1 200 OK\r\ncontent-length: 1026\r\n\r\n${"a".repeat(1_023)}\xc3\xa9b`),
    { kind: "answered", statusCode: 200, statusMessage: "OK", body: "a".repeat(1_023) },
  ],
  [
    "a body of 64 KiB",
    says(`HTTP/1.1 200 OK\r\ncontent-length: 65536\r\n\r\n${"y".repeat(65_536)}`),
    { kind: "answered", statusCode: 200, statusMessage: "OK", body: "y".repeat(1_024) },
  ],
  [
    "a body that never ends",
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      writeForEver(socket, Buffer.alloc(65_536, "z"));
    },
    { kind: "answered", statusCode: 200, statusMessage: "OK", body: "z".repeat(1_024) },
  ],
  [
    "chunks that never end",
    (socket) => {
      socket.write("HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n");
      writeForEver(socket, Buffer.from("1\r\nz\r\n".repeat(1_000)));
    },
    { kind: "answered", statusCode: 500, statusMessage: "No", body: "z".repeat(1_024) },
  ],
];

describe("an endpoint that sends", () => {
  test.each(CASES)("%s", async (_name, onRequest, result) => {
    await endpoint(onRequest);
    const began = performance.now();
    const { result: got } = await deliverer.deliver(post());
    const tookMs = performance.now() - began;
    expect(got).toEqual(JSON.parse(JSON.stringify(result).replaceAll("HOST", `127.0.0.1:${server.port}`)));
    expect(tookMs).toBeLessThan(DEADLINE_MS + 400);
    expect(server.requests()).toBe(1);
  });

  test("a gzip bomb isn't asked for, and not unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    await endpoint((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
      socket.write(bomb);
    });
    const { result } = await deliverer.deliver(post());
    expect(result).toMatchObject({ kind: "answered", statusCode: 200 });
    expect(result.kind === "answered" && Buffer.byteLength(result.body)).toBeLessThan(4_096);
    expect(server.lastRequest()).toContain("\r\naccept-encoding: identity\r\n");
  });

  test("a Retry-After is told, in seconds or as a date", async () => {
    const answers = ["120", new Date(Date.now() + 60_000).toUTCString(), "soon"];
    await endpoint(
      (socket, number) =>
        void socket.write(`HTTP/1.1 503 No\r\nretry-after: ${answers[number - 1]}\r\ncontent-length: 0\r\n\r\n`),
    );
    const told: (number | null)[] = [];
    for (const _answer of answers) told.push((await deliverer.deliver(post())).retryAfterMs);
    expect(told[0]).toBe(120_000);
    expect(told[1]).toBeGreaterThan(50_000);
    expect(told[1]).toBeLessThanOrEqual(60_000);
    expect(told[2]).toBeNull();
  });
});

describe("a connection that is kept", () => {
  test("carries one request after another", async () => {
    await endpoint(says(OK));
    for (let sent = 0; sent < 5; sent++) await deliverer.deliver(post());
    expect([server.connections(), server.requests()]).toEqual([1, 5]);
  });

  test("and is cut when the next request arrives: that one is a reset, and is not sent again", async () => {
    await endpoint((socket, number) => void (number === 1 ? socket.write(OK) : socket.resetAndDestroy()));
    await deliverer.deliver(post());
    const { result } = await deliverer.deliver(post());
    expect(result).toMatchObject({ kind: "unreachable", reason: "reset" });
    expect([server.connections(), server.requests()]).toEqual([1, 2]);
    expect((await deliverer.deliver(post())).result).toMatchObject({ statusCode: 200 });
  });

  test("and is closed by the endpoint after its answer: the next request takes a new one", async () => {
    await endpoint((socket) => void socket.end(OK));
    for (let sent = 0; sent < 5; sent++) {
      expect((await deliverer.deliver(post())).result).toMatchObject({ statusCode: 200 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(server.requests()).toBe(5);
  });

  test("never passes one request's late bytes off as the answer of the next", async () => {
    await endpoint(
      (socket, number) =>
        void socket.write(
          number === 1
            ? `${OK}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfalse`
            : "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
        ),
    );
    await deliverer.deliver(post());
    const { result } = await deliverer.deliver(post());
    expect(result).not.toMatchObject({ body: "false" });
  });

  test("isn't used again after an answer that was too long", async () => {
    await endpoint((socket) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n${"y".repeat(70_000)}`));
    for (let sent = 0; sent < 3; sent++) await deliverer.deliver(post());
    expect([server.connections(), server.requests()]).toEqual([3, 3]);
  });

  test("is ended when it has been idle", async () => {
    let ended: () => void = () => undefined;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    await endpoint(
      (socket) => {
        socket.once("close", ended);
        socket.write(OK);
      },
      { keepAliveMs: 50 },
    );
    await deliverer.deliver(post());
    await end;
    expect((await deliverer.deliver(post())).result).toMatchObject({ statusCode: 200 });
  });
});

describe("the limits", () => {
  test("hold for the whole exchange, waiting for a connection included", async () => {
    await endpoint(() => undefined, { maxConnectionsPerOrigin: 1 });
    const began = performance.now();
    const results = await Promise.all([deliverer.deliver(post()), deliverer.deliver(post())]);
    expect(results.map(({ result }) => result.kind === "unreachable" && result.reason)).toEqual([
      "response-timeout",
      "connect-timeout",
    ]);
    expect(performance.now() - began).toBeLessThan(DEADLINE_MS + 400);
    expect(server.requests()).toBe(1);
  });

  test("give the slot of one that hung to the next", async () => {
    await endpoint((socket) => void (server.connections() === 1 ? undefined : socket.write(OK)), { maxConnectionsPerOrigin: 1 });
    const hung = deliverer.deliver(post());
    const aborted = new AbortController();
    const waiting = deliverer.deliver(post(), aborted.signal);
    expect((await hung).result).toMatchObject({ reason: "response-timeout" });
    expect((await waiting).result).toMatchObject({ kind: "unreachable" });
    expect((await deliverer.deliver(post())).result).toMatchObject({ statusCode: 200 });
  });

  test("open no more connections to an origin than are allowed", async () => {
    await endpoint(says(OK), { maxConnectionsPerOrigin: 3, deadlineMs: 5_000 });
    const results = await Promise.all(Array.from({ length: 200 }, () => deliverer.deliver(post())));
    expect(results.every(({ result }) => result.kind === "answered" && result.statusCode === 200)).toBe(true);
    expect([server.connections(), server.requests()]).toEqual([3, 200]);
  });
});

describe("an endpoint that floods", () => {
  const FLOODS: readonly [name: string, start: string, more: string][] = [
    ["a status line", "HTTP/1.1 200 ", "O"],
    ["a chunk's extension", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=", "y"],
  ];

  test.each(FLOODS)("with %s without an end is cut off long before the deadline", async (_name, start, more) => {
    await endpoint(
      (socket) => {
        socket.write(start);
        writeForEver(socket, Buffer.alloc(65_536, more));
      },
      { deadlineMs: 30_000 },
    );
    const { result } = await deliverer.deliver(post());
    const detail = `127.0.0.1:${server.port} sent over 1 MiB and no end of an answer`;
    expect(result).toEqual({ kind: "unreachable", reason: "too-large", detail });
  });
});

describe("the service", () => {
  const CUT_OFF = { kind: "unreachable", reason: "reset", detail: "cut off by the service" };

  test("can cut off what is under way, and what waits", async () => {
    await endpoint(() => undefined, { maxConnectionsPerOrigin: 1, deadlineMs: 60_000 });
    const cut = new AbortController();
    const both = Promise.all([deliverer.deliver(post(), cut.signal), deliverer.deliver(post(), cut.signal)]);
    cut.abort();
    expect((await both).map(({ result }) => result)).toEqual([CUT_OFF, CUT_OFF]);
    expect((await deliverer.deliver(post(), cut.signal)).result).toEqual(CUT_OFF);
  });

  test("ends everything when it closes", async () => {
    await endpoint(() => undefined, { deadlineMs: 60_000 });
    const hanging = deliverer.deliver(post());
    await deliverer.close();
    expect((await hanging).result).toMatchObject({ kind: "unreachable", reason: "reset" });
    expect((await deliverer.deliver(post())).result).toMatchObject({ kind: "unreachable", reason: "reset" });
  });

  test("sends what it was given, and asks for nothing compressed", async () => {
    await endpoint(says(OK));
    await deliverer.deliver(post({ url: `${server.url}/a%20b?Auth=x%20y#there` }));
    expect(server.lastRequest().split("\r\n")).toEqual([
      "POST /hook/a%20b?Auth=x%20y HTTP/1.1",
      `host: 127.0.0.1:${server.port}`,
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
    await endpoint(says(OK));
    const { result } = await deliverer.deliver({
      method: "GET",
      url: server.url,
      headers: { authorization: "Bearer k" },
      body: null,
    });
    expect(result).toEqual({ kind: "answered", statusCode: 200, statusMessage: "OK", body: "ok" });
    expect(server.lastRequest().split("\r\n")).toEqual([
      "GET /hook HTTP/1.1",
      `host: 127.0.0.1:${server.port}`,
      "connection: keep-alive",
      "accept-encoding: identity",
      "authorization: Bearer k",
      "",
      "",
    ]);
  });

  test("says of a header that can't be sent that it can't, and not what is in it", async () => {
    await endpoint(says(OK));
    const { result } = await deliverer.deliver(post({ headers: { "x-whispir-callback-key": "secret\r\nx: y" } }));
    expect(result).toMatchObject({ kind: "unreachable", reason: "protocol" });
    expect(JSON.stringify(result)).not.toContain("secret");
    expect((await deliverer.deliver(post())).result).toMatchObject({ statusCode: 200 });
  });
});

test("memory stays flat over a thousand hostile exchanges", async () => {
  const heavy: ((socket: Socket) => void)[] = [
    (socket) => writeForEver(socket, Buffer.from(`HTTP/1.1 200 OK\r\n\r\n${"z".repeat(65_536)}`)),
    (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${`x-${"y".repeat(60)}: z\r\n`.repeat(4_000)}`),
    (socket) => void socket.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(2_000)),
    (socket) => void socket.resetAndDestroy(),
    (socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx"),
  ];
  let count = 0;
  await endpoint((socket) => heavy[count++ % heavy.length]?.(socket), { deadlineMs: 5_000 });
  const round = async (exchanges: number) => {
    for (let sent = 0; sent < exchanges; sent += 20)
      await Promise.all(Array.from({ length: 20 }, () => deliverer.deliver(post())));
  };
  await round(200);
  const before = memoryMiB();
  await round(1_000);
  const after = memoryMiB();
  expect(server.requests()).toBe(1_200);
  expect(after.heap - before.heap).toBeLessThan(10);
  expect(after.rss - before.rss).toBeLessThan(100);
});

function memoryMiB(): { rss: number; heap: number } {
  setFlagsFromString("--expose_gc");
  runInNewContext("gc")();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss: Math.round(rss / 2 ** 20), heap: Math.round(heapUsed / 2 ** 20) };
}
