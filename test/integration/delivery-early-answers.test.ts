/** Endpoints that answer before they have the whole request, over real sockets. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import type { Deliverer } from "../../src/delivery/deliverer.js";
import { EgressProxy } from "../../src/delivery/egress-proxy.js";
import { createDeliverer, type DelivererOptions } from "../../src/delivery/undici-deliverer.js";
import { systemClock } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { selfSignedCertificate } from "../support/delivery/certificate.js";

const LENGTH = 24 * 1024 * 1024;
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const CERTIFICATE = selfSignedCertificate("IP:127.0.0.1");

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function endpoint(scheme: "http" | "https", onConnection: (socket: Socket) => void) {
  const open = new Set<Socket>();
  const server: Server = scheme === "http" ? createServer() : createTlsServer(CERTIFICATE);
  server.on(scheme === "http" ? "connection" : "secureConnection", (socket: Socket) => {
    open.add(socket.on("error", () => undefined));
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const deliverer = createDeliverer({ clock: systemClock, timers: systemTimers, deadlineMs: 20_000, ca: CERTIFICATE.cert });
  closing.push(
    () => void server.close(),
    () => {
      for (const socket of open) socket.destroy();
    },
    () => deliverer.close(),
  );
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  return (body: string) => resultOf(deliverer, `${scheme}://127.0.0.1:${port}/hook`, body);
}

async function resultOf(deliverer: Deliverer, url: string, body: string) {
  const headers = { "content-type": "application/json" };
  return { where: new URL(url).host, result: (await deliverer.deliver({ method: "POST", url, headers, body })).result };
}

/** Answers when it has read so many bytes, and reads no more. */
function answersEarly(answer: string, end: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => {
    socket.once("data", () => {
      socket.pause();
      socket.write(answer, "latin1", () => end(socket));
    });
  };
}

/** Answers each request of this length when it has all of it. */
function answersInTime(length: number): (socket: Socket) => void {
  return (socket) => {
    let missing: number | null = null;
    let head = "";
    socket.on("data", (chunk) => {
      head += missing === null ? chunk.toString("latin1") : "";
      const end = head.indexOf("\r\n\r\n");
      missing = missing === null && end !== -1 ? length - (head.length - end - 4) : (missing ?? length) - chunk.length;
      if (missing > 0 || end === -1) return;
      head = "";
      missing = null;
      socket.write(OK);
    });
  };
}

describe.each(["http", "https"] as const)("over %s", (scheme) => {
  const body = "x".repeat(LENGTH);

  test.each([
    ["stays open", OK, () => undefined],
    ["ends the connection", OK, (socket: Socket) => void socket.end()],
    ["is longer than what is read", `HTTP/1.1 200 OK\r\n\r\n${"y".repeat(100_000)}`, () => undefined],
  ] as const)("a 200 before the whole request was sent isn't an acceptance: it %s", async (_, answer, end) => {
    const deliver = await endpoint(scheme, answersEarly(answer, end));
    const { where, result } = await deliver(body);
    const detail = `${where} answered 200 before it had the whole request`;
    expect(result).toEqual({ kind: "unreachable", reason: "protocol", detail });
  });

  test("another status is one", async () => {
    const deliver = await endpoint(
      scheme,
      answersEarly("HTTP/1.1 413 No\r\ncontent-length: 0\r\n\r\n", () => undefined),
    );
    expect((await deliver(body)).result).toMatchObject({ kind: "answered", statusCode: 413 });
  });

  test.each([0, 100, 200_000, LENGTH])("a 200 after %i bytes of body is an acceptance, each time", async (length) => {
    const deliver = await endpoint(scheme, answersInTime(length));
    const times = length === LENGTH ? 5 : 100;
    for (let time = 0; time < times; time++)
      expect((await deliver("x".repeat(length))).result).toMatchObject({ kind: "answered", statusCode: 200 });
  });
});

test("over http, a 200 that closes the connection isn't an acceptance either", async () => {
  const deliver = await endpoint(
    "http",
    answersEarly(OK.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"), () => undefined),
  );
  expect((await deliver("x".repeat(LENGTH))).result).toMatchObject({ reason: "protocol" });
});

/** In a thread of its own, whose event loop turns at other times: an https endpoint, and an https proxy that leads to it. */
const OTHER_THREAD = `
  const { createServer } = require("node:https");
  const { connect } = require("node:net");
  const { parentPort, workerData: { certificate, length } } = require("node:worker_threads");
  const answer = (request, response) => request.resume().on("end", () => response.end("y".repeat(length)));
  const endpoint = createServer(certificate, answer).listen(0, "127.0.0.1", () => {
    const proxy = createServer(certificate).listen(0, "127.0.0.1", () => {
      parentPort.postMessage({ port: endpoint.address().port, proxyPort: proxy.address().port });
    });
    proxy.on("connect", (_request, socket) => {
      const target = connect(endpoint.address().port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\\r\\n\\r\\n");
        target.pipe(socket).pipe(target);
      });
      for (const one of [socket, target]) one.on("error", () => undefined);
    });
  });
`;

test.each([
  { length: 2, isProxied: true },
  { length: 200_000, isProxied: false },
  { length: 200_000, isProxied: true },
])(
  "over https, a 200 after the whole request is an acceptance: $length bytes, through an https proxy: $isProxied",
  async (setting) => {
    const worker = new Worker(OTHER_THREAD, { eval: true, workerData: { certificate: CERTIFICATE, length: setting.length } });
    const [{ port, proxyPort }] = await once(worker, "message");
    const options: DelivererOptions = { clock: systemClock, timers: systemTimers, deadlineMs: 20_000, ca: CERTIFICATE.cert };
    const egressProxy = new EgressProxy({ url: `https://127.0.0.1:${proxyPort}`, noProxy: "" });
    const deliverer = createDeliverer(setting.isProxied ? { ...options, egressProxy } : options);
    closing.push(
      () => worker.terminate(),
      () => deliverer.close(),
    );
    const deliveries = Array.from({ length: 200 }, () => resultOf(deliverer, `https://127.0.0.1:${port}/hook`, "{}"));
    for (const { result } of await Promise.all(deliveries)) expect(result).toMatchObject({ kind: "answered", statusCode: 200 });
  },
);
