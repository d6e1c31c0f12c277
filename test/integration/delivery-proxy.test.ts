/** Deliveries through an egress proxy (docs/operations.md, Through a proxy). */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { publicAddressRule } from "../../src/delivery/address-rule.js";
import type { Deliverer } from "../../src/delivery/deliverer.js";
import { EgressProxy } from "../../src/delivery/egress-proxy.js";
import { createDeliverer, type DelivererOptions } from "../../src/delivery/undici-deliverer.js";
import { systemClock, type Timers } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { selfSignedCertificate } from "../support/delivery/certificate.js";
import { type ConnectProxy, type ConnectProxyOptions, startConnectProxy } from "../support/delivery/connect-proxy.js";
import { startRawServer } from "../support/delivery/raw-server.js";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const DELIVERED = { kind: "answered", statusCode: 200, statusMessage: "OK", body: "ok" };
const CERTIFICATE = selfSignedCertificate("DNS:orders.example", "DNS:localhost", "IP:127.0.0.1");

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function aProxy(options?: ConnectProxyOptions): Promise<ConnectProxy> {
  const proxy = await startConnectProxy(options);
  endings.push(() => proxy.close());
  return proxy;
}

function throughProxy(url: string, options: Partial<DelivererOptions> = {}): { egress: EgressProxy; deliverer: Deliverer } {
  const egress = new EgressProxy({ url, noProxy: "" });
  const deliverer = createDeliverer({
    ...{ clock: systemClock, timers: systemTimers, connectTimeoutMs: 3_000, deadlineMs: 10_000, ca: CERTIFICATE.cert },
    ...{ egressProxy: egress, watchedMs: 0, ...options },
  });
  endings.push(() => deliverer.close());
  return { egress, deliverer };
}

async function anEndpoint() {
  const server = await startRawServer((socket) => void socket.write(OK));
  endings.push(() => server.close());
  return server;
}

async function aTlsEndpoint(): Promise<number> {
  const { port, tls } = await new Promise<{ port: number; tls: ReturnType<typeof createTlsServer> }>((resolve) => {
    const server = createTlsServer(CERTIFICATE, (socket) => {
      socket.on("error", () => undefined).on("data", () => socket.write(OK));
    }).listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({ port: typeof address === "object" && address !== null ? address.port : 0, tls: server });
    });
  });
  endings.push(() => tls.close());
  return port;
}

async function resultOf(deliverer: Deliverer, url: string) {
  return (await deliverer.deliver({ method: "POST", url, headers: {}, body: "{}" })).result;
}

/** Nothing listens there. */
async function aClosedPort(): Promise<number> {
  const { port, close } = await startConnectProxy();
  await close();
  return port;
}

describe("through a proxy", () => {
  test("an https endpoint is reached by CONNECT, with TLS from end to end, and the tunnel is used again", async () => {
    const proxy = await aProxy();
    const port = await aTlsEndpoint();
    const { deliverer } = throughProxy(`http://ada:p%40ss@127.0.0.1:${proxy.port}`);
    for (let times = 0; times < 2; times += 1)
      expect(await resultOf(deliverer, `https://orders.example:${port}/a?b`)).toEqual(DELIVERED);
    expect(proxy.asked).toEqual([`CONNECT orders.example:${port}`]);
    expect(proxy.logins).toEqual([`Basic ${Buffer.from("ada:p@ss").toString("base64")}`]);
  });

  test("an http endpoint gets what the proxy forwards", async () => {
    const proxy = await aProxy();
    const endpoint = await anEndpoint();
    const { deliverer } = throughProxy(`http://ada:p%40ss@127.0.0.1:${proxy.port}`);
    const url = `http://orders.example:${endpoint.port}/a?b`;
    expect(await resultOf(deliverer, url)).toEqual(DELIVERED);
    expect(proxy.asked).toEqual([`POST ${url}`]);
    expect(proxy.logins).toEqual([`Basic ${Buffer.from("ada:p@ss").toString("base64")}`]);
    expect(endpoint.lastRequest()).toMatch(/^POST \/a\?b HTTP\/1.1\r\n/);
  });

  test("that stops once the endpoint has the request: it counts as lost, as the endpoint may have it", async () => {
    const proxy = await aProxy();
    const endpoint = await startRawServer((socket, number) => void (number === 1 ? socket.write(OK) : proxy.close()));
    endings.push(() => endpoint.close());
    const { deliverer } = throughProxy(`http://127.0.0.1:${proxy.port}`);
    const url = `http://orders.example:${endpoint.port}/`;
    expect(await resultOf(deliverer, url)).toEqual(DELIVERED);
    const detail = expect.stringMatching(/orders\.example:\d+.*, then the egress proxy .*refused/);
    expect(await resultOf(deliverer, url)).toEqual({ kind: "unreachable", reason: "reset", detail });
    expect(endpoint.requests()).toBe(2);
    await expect(resultOf(deliverer, url)).rejects.toMatchObject({ message: expect.stringContaining("refused") });
  });

  test("an answer that repeats its login is kept without it", async () => {
    const login = Buffer.from("ada:p@ssword").toString("base64");
    const body = `You sent Basic ${login}, which is ada:p@ssword`;
    const proxy = await aProxy({ answer: says(`HTTP/1.1 503 Busy\r\ncontent-length: ${body.length}\r\n\r\n${body}`) });
    const { deliverer } = throughProxy(`http://ada:p%40ssword@127.0.0.1:${proxy.port}`);
    const result = await resultOf(deliverer, "http://orders.example/");
    expect(result).toMatchObject({ statusCode: 503, body: "You sent Basic ****, which is ****" });
  });

  test("that speaks TLS itself, both kinds of endpoints are reached", async () => {
    const proxy = await aProxy({ certificate: CERTIFICATE });
    const [port, endpoint] = [await aTlsEndpoint(), await anEndpoint()];
    const { deliverer } = throughProxy(`https://localhost:${proxy.port}`);
    expect(await resultOf(deliverer, `https://orders.example:${port}/`)).toEqual(DELIVERED);
    expect(await resultOf(deliverer, `http://orders.example:${endpoint.port}/`)).toEqual(DELIVERED);
    expect(proxy.asked).toHaveLength(2);
  });

  test("this machine is reached directly", async () => {
    const endpoint = await anEndpoint();
    const { deliverer } = throughProxy(`http://127.0.0.1:${await aClosedPort()}`);
    expect(await resultOf(deliverer, endpoint.url)).toEqual(DELIVERED);
  });

  test("a tunnel that was opened while the process was stopped for long is opened again", async () => {
    const proxy = await aProxy();
    const port = await aTlsEndpoint();
    let stoppedMs = 0;
    const timers: Timers = {
      after: (delayMs, handler) => systemTimers.after(delayMs, handler),
      runningMs: () => systemTimers.runningMs(),
      stoppedMs: () => stoppedMs,
    };
    const names = {
      async resolve() {
        stoppedMs = 6_000;
        return ["127.0.0.1"];
      },
    };
    const { deliverer } = throughProxy(`http://proxy.example:${proxy.port}`, { names, timers });
    expect(await resultOf(deliverer, `https://orders.example:${port}/`)).toEqual(DELIVERED);
    expect(proxy.asked).toHaveLength(2);
  });

  test("the address rule is applied to what the endpoint's name resolves to here", async () => {
    const proxy = await aProxy();
    const names = { resolve: async (name: string) => (name === "inside.example" ? ["10.0.0.1"] : ["93.184.216.34"]) };
    const { deliverer } = throughProxy(`http://127.0.0.1:${proxy.port}`, { addressRule: publicAddressRule(), names });
    for (const scheme of ["http", "https"])
      expect(await resultOf(deliverer, `${scheme}://inside.example/`)).toMatchObject({ reason: "address-refused" });
    expect(proxy.asked).toEqual([]);
    await resultOf(deliverer, "https://outside.example/");
    expect(proxy.asked).toEqual(["CONNECT outside.example:443"]);
  });

  test("no URL gives the proxy more than the host and port of an endpoint", async () => {
    const proxy = await aProxy({ answer: (socket) => void socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n") });
    const { deliverer } = throughProxy(`http://127.0.0.1:${proxy.port}`);
    const hosts = [
      "a\r\nb",
      "a%0d%0aX: y",
      "a b",
      "bücher.example",
      "u:p@host.example",
      "[2001:db8::1]",
      "a\u0000b",
      "host.example.",
    ];
    for (const host of hosts) expect(await resultOf(deliverer, `https://${host}/`)).toMatchObject({ kind: "unreachable" });
    expect(proxy.asked).toEqual([
      "CONNECT ab:443",
      "CONNECT xn--bcher-kva.example:443",
      "CONNECT host.example:443",
      "CONNECT [2001:db8::1]:443",
      "CONNECT host.example.:443",
    ]);
  });
});

const says = (text: string) => (socket: Socket) => void socket.write(text, "latin1");

describe("what a proxy says to CONNECT of the endpoint is the endpoint's failed attempt", () => {
  test.each([
    ["500 Unable to connect", "refused"],
    ["502 Bad Gateway", "refused"],
    ["503 Service Unavailable", "refused"],
    ["504 Gateway Timeout", "connect-timeout"],
    ["403 Forbidden", "address-refused"],
  ])("%s: %s", async (status, reason) => {
    const proxy = await aProxy({ answer: says(`HTTP/1.1 ${status}\r\ncontent-length: 9\r\n\r\nnot there`) });
    const { deliverer, egress } = throughProxy(`http://127.0.0.1:${proxy.port}`);
    egress.failed("failed before");
    const result = await resultOf(deliverer, "https://orders.example/");
    expect(result).toMatchObject({ kind: "unreachable", reason, detail: expect.stringContaining("orders.example:443") });
    expect(egress.failure).toBeNull();
  });

  test.each([
    ["nothing", ""],
    ["a part of an answer", "HTTP/1.1 200 OK\r\n"],
  ])("%s, as it may wait for the endpoint: connect-timeout", async (_, text) => {
    const proxy = await aProxy({ answer: says(text) });
    const { deliverer } = throughProxy(`http://127.0.0.1:${proxy.port}`, { connectTimeoutMs: 300 });
    expect(await resultOf(deliverer, "https://orders.example/")).toEqual({
      kind: "unreachable",
      reason: "connect-timeout",
      detail: "the egress proxy opened no connection to orders.example:443 within 0.3 s",
    });
  });

  test("a tunnel to something that speaks first, and not TLS: tls", async () => {
    const proxy = await aProxy({ answer: says("HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n") });
    const { deliverer } = throughProxy(`http://127.0.0.1:${proxy.port}`);
    expect(await resultOf(deliverer, "https://orders.example:22/")).toMatchObject({ kind: "unreachable", reason: "tls" });
  });

  test("a tunnel that is closed: tls", async () => {
    const proxy = await aProxy({ answer: (socket) => void socket.end("HTTP/1.1 200 OK\r\n\r\n") });
    const { deliverer } = throughProxy(`http://127.0.0.1:${proxy.port}`);
    expect(await resultOf(deliverer, "https://orders.example/")).toMatchObject({ kind: "unreachable", reason: "tls" });
  });
});

describe("what is the proxy's fault is no attempt", () => {
  test.each([
    ["407", says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "the egress proxy wants other credentials (407)"],
    ["405", says("HTTP/1.1 405 Method Not Allowed\r\n\r\n"), "the egress proxy answered CONNECT with 405 Method Not Allowed"],
    ["a redirect", says("HTTP/1.1 302 Found\r\n\r\n"), "the egress proxy answered CONNECT with 302 Found"],
    ["no HTTP", says("220 mail.example ESMTP\r\n\r\n"), "the egress proxy sent something that isn't an HTTP answer to CONNECT"],
    [
      "headers without end",
      (socket: Socket) => void socket.write(`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(3_000)}`),
      "the egress proxy sent over 16384 bytes in answer to CONNECT",
    ],
    [
      "a connection that it closes",
      (socket: Socket) => void socket.end("HTTP/1.1 200 OK\r\n"),
      "the egress proxy closed the connection instead of answering CONNECT",
    ],
    [
      "a connection that it resets",
      (socket: Socket) => void socket.resetAndDestroy(),
      "the egress proxy can't be used: it closed the connection",
    ],
  ])("%s", async (_, answer, message) => {
    const proxy = await aProxy({ answer });
    const { deliverer, egress } = throughProxy(`http://127.0.0.1:${proxy.port}`);
    await expect(resultOf(deliverer, "https://orders.example/")).rejects.toMatchObject({ code: "unavailable", message });
    expect(egress.failure).toBe(message);
  });

  test("a port at which it doesn't listen, until it does", async () => {
    const port = await aClosedPort();
    const endpoint = await anEndpoint();
    const { deliverer, egress } = throughProxy(`http://ada:secret@127.0.0.1:${port}`);
    const message = "the egress proxy can't be used: it refused the connection";
    for (const url of ["https://orders.example/", `http://orders.example:${endpoint.port}/`])
      await expect(resultOf(deliverer, url)).rejects.toMatchObject({ code: "unavailable", message });
    expect(egress.failure).toBe(message);
    await aProxy({ port });
    expect(await resultOf(deliverer, `http://orders.example:${endpoint.port}/`)).toEqual(DELIVERED);
    expect(egress.failure).toBeNull();
  });

  test("a name that doesn't exist, and TLS that fails", async () => {
    const names = { resolve: () => Promise.reject(Object.assign(new Error("lookup"), { code: "ENOTFOUND" })) };
    const unknown = throughProxy("http://proxy.example:3128", { names });
    await expect(resultOf(unknown.deliverer, "https://orders.example/")).rejects.toMatchObject({ code: "unavailable" });
    const { port } = await aProxy();
    const plain = throughProxy(`https://localhost:${port}`);
    await expect(resultOf(plain.deliverer, "https://orders.example/")).rejects.toMatchObject({
      message: "the egress proxy can't be used: TLS with it failed",
    });
  });

  test("a TLS handshake with more certificates than a real one has, before they are checked", async () => {
    const record = Buffer.concat([Buffer.from([22, 3, 3, 32, 0]), Buffer.alloc(8_192, 2)]);
    const server = createServer((socket) => {
      // The records of one message, which says that it has 100 KiB.
      const message = Buffer.concat([Buffer.from([22, 3, 3, 0, 4, 11, 1, 0x90, 0]), record, record, record]);
      socket.on("error", () => undefined).once("data", () => socket.write(message));
    }).listen(0, "127.0.0.1");
    endings.push(() => server.close());
    await once(server, "listening");
    const { deliverer } = throughProxy(`https://localhost:${(server.address() as AddressInfo).port}`);
    for (const url of ["https://orders.example/", "http://orders.example/"])
      await expect(resultOf(deliverer, url)).rejects.toMatchObject({
        code: "unavailable",
        message: "the egress proxy can't be used: it sent too much before TLS was set up",
      });
  });

  test("407 in answer to a request for an http endpoint", async () => {
    const proxy = await aProxy({ answer: says("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n") });
    const { deliverer } = throughProxy(`http://127.0.0.1:${proxy.port}`);
    await expect(resultOf(deliverer, "http://orders.example/")).rejects.toMatchObject({
      code: "unavailable",
      message: "the egress proxy wants other credentials (407)",
    });
  });

  test("200 for a host that can't exist, as of another server than a proxy, before anything is sent there", async () => {
    const requests: string[] = [];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket
        .on("error", () => undefined)
        .on("data", (bytes) => {
          requests.push(bytes.toString());
          socket.write(OK);
        });
    }).listen(0, "127.0.0.1");
    endings.push(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { deliverer, egress } = throughProxy(`http://127.0.0.1:${port}`);
    const message =
      "the egress proxy isn't one, or hides errors: it answered 200 for whcb-proxy-check.invalid, which can't exist";
    for (let times = 0; times < 2; times += 1)
      await expect(resultOf(deliverer, "http://orders.example/a?b")).rejects.toMatchObject({ code: "unavailable", message });
    expect(requests.map((request) => request.split("\r\n", 2))).toEqual(
      Array(2).fill(["POST http://whcb-proxy-check.invalid/a HTTP/1.1", "host: whcb-proxy-check.invalid"]),
    );
    expect(egress.failure).toBe(message);
    server.close();
    for (const socket of sockets) socket.destroy();
    const proxy = await aProxy({ port });
    const endpoint = await anEndpoint();
    const url = `http://orders.example:${endpoint.port}/`;
    expect(await resultOf(deliverer, url)).toEqual(DELIVERED);
    await proxy.close();
    // The first one may be lost on the connection that was kept.
    await resultOf(deliverer, url).catch(() => undefined);
    await expect(resultOf(deliverer, url)).rejects.toMatchObject({ code: "unavailable" });
    const another = createServer((socket) => {
      socket.on("error", () => undefined).on("data", () => socket.write(OK));
    }).listen(port, "127.0.0.1");
    endings.push(() => another.close());
    await once(another, "listening");
    await expect(resultOf(deliverer, url)).rejects.toMatchObject({ code: "unavailable", message });
  });
});
