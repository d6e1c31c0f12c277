/** DNS, addresses, TCP and TLS. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import { publicAddressRule } from "../../src/delivery/address-rule.js";
import type { Deliverer } from "../../src/delivery/deliverer.js";
import { DeliveryFailure } from "../../src/delivery/delivery-failure.js";
import { createDeliverer, type DelivererOptions } from "../../src/delivery/undici-deliverer.js";
import { systemClock, type Timers } from "../../src/platform/clock.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { type Certificate, rsaCertificate, selfSignedCertificate } from "../support/delivery/certificate.js";
import { type RawServer, startRawServer } from "../support/delivery/raw-server.js";
import { ManualTimers } from "../support/time/manual-timers.js";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const DELIVERED = { kind: "answered", statusCode: 200, statusMessage: "OK", body: "ok" };

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function aDeliverer(options: Partial<DelivererOptions> = {}): Deliverer {
  const deliverer = createDeliverer({
    clock: systemClock,
    timers: systemTimers,
    connectTimeoutMs: 3_000,
    deadlineMs: 10_000,
    ...options,
  });
  endings.push(() => deliverer.close());
  return deliverer;
}

async function anEndpoint(): Promise<RawServer> {
  const server = await startRawServer((socket) => void socket.write(OK));
  endings.push(() => server.close());
  return server;
}

async function listening(server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => open.add(socket.on("error", () => undefined)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return address.port;
}

/** Resolves to these addresses in turn, then keeps returning the last. */
function namesReturning(...answers: (readonly string[])[]) {
  return { resolve: async () => (answers.length > 1 ? answers.shift() : answers[0]) ?? [] };
}

async function resultOf(deliverer: Deliverer, url: string) {
  const began = performance.now();
  const { result } = await deliverer.deliver({ method: "POST", url, headers: {}, body: "{}" });
  expect(performance.now() - began).toBeLessThan(8_000);
  return result;
}

describe("a name", () => {
  test("that doesn't resolve is a dns error", async () => {
    const result = await resultOf(aDeliverer(), "http://nowhere.invalid/hook?Auth=secret");
    expect(result).toMatchObject({ kind: "unreachable", reason: "dns" });
    expect(JSON.stringify(result)).not.toContain("secret");
  });

  test("that no DNS server answers for is a dns error within the connect timeout", async () => {
    const names = { resolve: () => new Promise<readonly string[]>(() => undefined) };
    expect(await resultOf(aDeliverer({ names, connectTimeoutMs: 300 }), "http://slow.example/hook")).toEqual({
      kind: "unreachable",
      reason: "dns",
      detail: "no answer from a DNS server for slow.example within 0.3 s",
    });
  });

  test("localhost resolves to this machine", async () => {
    const server = await anEndpoint();
    expect(await resultOf(aDeliverer(), `http://localhost:${server.port}/`)).toEqual(DELIVERED);
  });

  test("with several addresses has each of them tried", async () => {
    const server = await anEndpoint();
    const deliverer = aDeliverer({ names: namesReturning(["127.0.0.2", "::1", "127.0.0.1"]) });
    expect(await resultOf(deliverer, `http://orders.example:${server.port}/`)).toEqual(DELIVERED);
  });

  test("with an address that doesn't accept has the next one tried", async () => {
    const port = await portWithFullQueue();
    const accepting = createTcpServer((socket) => void socket.on("data", () => socket.write(OK))).listen(port, "127.0.0.2");
    await once(accepting, "listening");
    endings.push(() => accepting.close());
    const deliverer = aDeliverer({ names: namesReturning(["127.0.0.1", "127.0.0.2"]), connectTimeoutMs: 1_000 });
    expect(await resultOf(deliverer, `http://orders.example:${port}/`)).toEqual(DELIVERED);
  });

  test("whose lookup fails causes a failure per delivery, and no unhandled rejection", async () => {
    const names = { resolve: () => Promise.reject(new DeliveryFailure("dns", "there is no host named x")) };
    const deliverer = aDeliverer({ names });
    const results = await Promise.all(Array.from({ length: 20 }, () => resultOf(deliverer, "http://x.example/")));
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
  });
});

test.each([
  ["EMFILE", "out of file descriptors (EMFILE)"],
  ["ENOBUFS", "out of memory for connections (ENOBUFS)"],
  ["ENETDOWN", "this machine's network is down (ENETDOWN)"],
  ["EADDRNOTAVAIL", "out of local ports (EADDRNOTAVAIL)"],
])("what this machine lacks isn't the endpoint's failure: %s", async (code, message) => {
  const shortage = Object.assign(new Error("connect"), { code, address: "127.0.0.1" });
  const deliverer = aDeliverer({ names: { resolve: () => Promise.reject(shortage) } });
  await expect(resultOf(deliverer, "http://orders.example/")).rejects.toMatchObject({ code: "unavailable", message });
});

describe("under the public rules", () => {
  const REFUSED = { kind: "unreachable", reason: "address-refused" };

  test("no connection is made to a name that resolves to an internal address", async () => {
    const server = await anEndpoint();
    for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254"]) {
      const deliverer = aDeliverer({ addressRule: publicAddressRule(), names: namesReturning([address]) });
      expect(await resultOf(deliverer, "http://rebound.example/")).toMatchObject(REFUSED);
    }
    expect(server.connections()).toBe(0);
  });

  test("each new connection is checked again, against DNS rebinding", async () => {
    const server = await startRawServer((socket) => void socket.end(OK.replace("\r\n", "\r\nconnection: close\r\n")));
    endings.push(() => server.close());
    const deliverer = aDeliverer({
      addressRule: publicAddressRule(["127.0.0.1"]),
      names: namesReturning(["127.0.0.1"], ["127.0.0.2"]),
    });
    const url = `http://rebound.example:${server.port}/`;
    expect(await resultOf(deliverer, url)).toEqual(DELIVERED);
    expect(await resultOf(deliverer, url)).toMatchObject(REFUSED);
    expect(server.connections()).toBe(1);
  });

  test("only the allowed ones of several addresses are connected to", async () => {
    const server = await anEndpoint();
    let isForbiddenConnected = false;
    const forbidden = createTcpServer(() => {
      isForbiddenConnected = true;
    }).listen(server.port, "::1");
    await once(forbidden, "listening");
    endings.push(() => forbidden.close());
    const deliverer = aDeliverer({
      addressRule: publicAddressRule(["127.0.0.0/8"]),
      names: namesReturning(["::1", "10.0.0.1", "127.0.0.1", "127.0.0.2"]),
    });
    expect(await resultOf(deliverer, `http://orders.example:${server.port}/`)).toEqual(DELIVERED);
    expect(isForbiddenConnected).toBe(false);
  });

  test("a URL with an IP address is rejected before connecting", async () => {
    const server = await anEndpoint();
    const detail = "A callback's url must contain a domain name, not an address (127.0.0.1).";
    for (const host of ["127.0.0.1", "2130706433"]) {
      const result = await resultOf(aDeliverer({ addressRule: publicAddressRule() }), `http://${host}:${server.port}/`);
      expect(result).toEqual({ ...REFUSED, detail });
    }
    expect(server.connections()).toBe(0);
  });
});

describe("a connection", () => {
  test("to a closed port is refused", async () => {
    const port = await listening(createTcpServer());
    for (const end of endings.splice(0)) await end();
    expect(await resultOf(aDeliverer(), `http://127.0.0.1:${port}/`)).toEqual({
      kind: "unreachable",
      reason: "refused",
      detail: `127.0.0.1:${port} refused the connection`,
    });
  });

  test("to port 0, which an older version let a callback have, is refused, and isn't made to port 80", async () => {
    expect(await resultOf(aDeliverer(), "http://127.0.0.1:0/")).toEqual({
      kind: "unreachable",
      reason: "refused",
      detail: "127.0.0.1:0 refused the connection",
    });
  });

  test("to a port with a full accept queue is a connect-timeout", async () => {
    const port = await portWithFullQueue();
    expect(await resultOf(aDeliverer({ connectTimeoutMs: 300 }), `http://127.0.0.1:${port}/`)).toEqual({
      kind: "unreachable",
      reason: "connect-timeout",
      detail: `127.0.0.1:${port} didn't accept the connection within 0.3 s`,
    });
  });

  test("that was opened while the process was stopped for long is opened again before a request is sent on it", async () => {
    const received: number[] = [];
    let connections = 0;
    const port = await listening(
      createTcpServer((socket) => {
        const number = ++connections;
        socket.on("data", () => {
          received.push(number);
          socket.write(OK);
        });
        if (number === 1) socket.end("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n");
      }),
    );
    expect(await resultOf(aDeliverer(stoppedWhileConnecting()), `http://orders.example:${port}/`)).toEqual(DELIVERED);
    expect(received).toEqual([2]);
  });

  test("to a URL that isn't http or https isn't tried", async () => {
    for (const url of ["ftp://example.com/", "example.com", ""]) {
      expect(await resultOf(aDeliverer(), url)).toMatchObject({ kind: "unreachable", reason: "address-refused" });
    }
  });

  test("that is established after the deadline doesn't send its request", async () => {
    const server = await anEndpoint();
    let answer: (addresses: readonly string[]) => void = () => undefined;
    const first = new Promise<readonly string[]>((resolve) => {
      answer = resolve;
    });
    const time = new ManualTimers();
    const deliverer = aDeliverer({ names: { resolve: () => first }, timers: time, deadlineMs: 10_000, connectTimeoutMs: 60_000 });
    const url = `http://orders.example:${server.port}/`;
    const given = deliverer.deliver({ method: "POST", url, headers: { "webhook-id": "late" }, body: "{}" });
    time.advance(10_000);
    expect((await given).result).toMatchObject({ kind: "unreachable", reason: "connect-timeout" });
    answer(["127.0.0.1"]);
    for (let tries = 0; server.connections() === 0 && tries < 1_000; tries++)
      await new Promise((resolve) => setImmediate(resolve));
    expect(await resultOf(deliverer, url)).toEqual(DELIVERED);
    expect(server.requests()).toBe(1);
    expect(server.lastRequest()).not.toContain("late");
  });
});

describe("TLS", () => {
  const mine = selfSignedCertificate("DNS:localhost", "IP:127.0.0.1");
  const another = selfSignedCertificate("DNS:another.example");

  function tlsEndpoint(certificate: TlsOptions): Promise<number> {
    const server = createTlsServer(certificate, (socket) => {
      socket.on("error", () => undefined).on("data", () => socket.write(OK));
    });
    server.on("tlsClientError", () => undefined);
    return listening(server);
  }

  test("with a trusted certificate carries requests on one connection", async () => {
    const port = await tlsEndpoint(mine);
    const deliverer = aDeliverer({ ca: mine.cert });
    expect(await resultOf(deliverer, `https://localhost:${port}/`)).toEqual(DELIVERED);
    expect(await resultOf(deliverer, `https://localhost:${port}/`)).toEqual(DELIVERED);
    expect(await resultOf(deliverer, `https://127.0.0.1:${port}/`)).toEqual(DELIVERED);
  });

  test.each(["1", "0"])(
    "with a self-signed certificate is a tls error, and nothing is sent: NODE_TLS_REJECT_UNAUTHORIZED=%s",
    async (value) => {
      vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", value);
      endings.push(() => vi.unstubAllEnvs());
      let received = 0;
      const server = createTlsServer(mine, (socket) => socket.on("error", () => undefined).on("data", () => received++));
      server.on("tlsClientError", () => undefined);
      const port = await listening(server);
      expect(await resultOf(aDeliverer(), `https://localhost:${port}/`)).toEqual({
        kind: "unreachable",
        reason: "tls",
        detail: `localhost:${port}: its certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT)`,
      });
      expect(received).toBe(0);
    },
  );

  test("with a key exchange over a finite field, which can take long, is a tls error", async () => {
    const keyExchange = { minVersion: "TLSv1.3", ecdhCurve: "ffdhe2048" } as const;
    const certificate = rsaCertificate("DNS:localhost");
    const port = await tlsEndpoint({ ...certificate, ...keyExchange });
    expect(await resultOf(aDeliverer({ ca: certificate.cert }), `https://localhost:${port}/`)).toMatchObject({
      kind: "unreachable",
      reason: "tls",
    });
  });

  test("with a certificate for another host name is a tls error", async () => {
    const port = await tlsEndpoint(another);
    expect(await resultOf(aDeliverer({ ca: another.cert }), `https://localhost:${port}/`)).toEqual({
      kind: "unreachable",
      reason: "tls",
      detail: `localhost:${port}: its certificate is for another host name (ERR_TLS_CERT_ALTNAME_INVALID)`,
    });
  });

  test("to a plain HTTP port is a tls error", async () => {
    const port = await listening(
      createTcpServer((socket) => socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))),
    );
    expect(await resultOf(aDeliverer(), `https://localhost:${port}/`)).toMatchObject({ kind: "unreachable", reason: "tls" });
  });

  test("whose handshake is interrupted is a tls error", async () => {
    const port = await listening(createTcpServer((socket) => socket.on("data", () => socket.resetAndDestroy())));
    expect(await resultOf(aDeliverer(), `https://localhost:${port}/`)).toEqual({
      kind: "unreachable",
      reason: "tls",
      detail: `localhost:${port}: it closed the connection during the TLS handshake`,
    });
  });

  test("whose handshake the endpoint gave up while the process was stopped for long begins again", async () => {
    const tls = createTlsServer(mine, (socket) => socket.on("data", () => socket.write(OK)));
    let connections = 0;
    const port = await listening(
      createTcpServer((socket) => {
        connections += 1;
        if (connections === 1) socket.on("data", () => socket.resetAndDestroy());
        else tls.emit("connection", socket);
      }),
    );
    const deliverer = aDeliverer({ ca: mine.cert, ...stoppedWhileConnecting() });
    expect(await resultOf(deliverer, `https://localhost:${port}/`)).toEqual(DELIVERED);
    expect(connections).toBe(2);
  });

  test.each([16, 100])("whose handshake has %d KiB of certificates is aborted before they are checked", async (kib) => {
    const record = (bytes: number) => Buffer.concat([Buffer.from([22, 3, 3, bytes >> 8, bytes & 255]), Buffer.alloc(bytes, 2)]);
    const port = await listening(
      createTcpServer((socket) =>
        socket
          .on("error", () => undefined)
          .once("data", () => {
            // The records of one message, which says that it has 100 KiB.
            socket.write(Buffer.from([22, 3, 3, 0, 4, 11, 1, 0x90, 0]));
            for (let sent = 0; sent < kib; sent += 8) socket.write(record(8_192));
          }),
      ),
    );
    expect(await resultOf(aDeliverer(), `https://localhost:${port}/`)).toEqual({
      kind: "unreachable",
      reason: "too-large",
      detail: `localhost:${port} sent over 16384 bytes before TLS was set up`,
    });
  });

  test("whose handshake never finishes is a connect-timeout", async () => {
    const port = await listening(createTcpServer(() => undefined));
    expect(await resultOf(aDeliverer({ connectTimeoutMs: 300 }), `https://localhost:${port}/`)).toEqual({
      kind: "unreachable",
      reason: "connect-timeout",
      detail: `localhost:${port} didn't finish the TLS handshake within 0.3 s`,
    });
  });

  test.each([
    ["session tickets", "cat", ["-num_tickets", "1000000"]],
    ["key updates", "yes K", []],
  ])("with %s without end is aborted before the deadline", async (_, command, options) => {
    const port = await opensslEndpoint(mine, command, options);
    const deliverer = aDeliverer({ ca: mine.cert });
    const { result } = await deliverer.deliver({ method: "POST", url: `https://localhost:${port}/`, headers: {}, body: "{}" });
    expect(result).toEqual({
      kind: "unreachable",
      reason: "too-large",
      detail: `localhost:${port} sent over 32768 bytes of TLS without data`,
    });
  });

  test("to a closed port is refused", async () => {
    const port = await listening(createTcpServer());
    for (const end of endings.splice(0)) await end();
    expect(await resultOf(aDeliverer(), `https://127.0.0.1:${port}/`)).toMatchObject({ kind: "unreachable", reason: "refused" });
  });

  test("at a port used with http:// is a protocol error or a reset", async () => {
    const port = await tlsEndpoint(mine);
    const result = await resultOf(aDeliverer(), `http://localhost:${port}/`);
    expect(result.kind === "unreachable" && ["protocol", "reset"].includes(result.reason)).toBe(true);
  });
});

/** Answers no request; `command` prints what openssl gets as its input (K: a key update). */
async function opensslEndpoint({ key, cert }: Certificate, command: string, options: readonly string[]): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "whcb-openssl-"));
  const file = join(directory, "both.pem");
  writeFileSync(file, key + cert);
  const args = ["-accept", "127.0.0.1:0", "-naccept", "1", "-cert", file, "-key", file, "-tls1_3", ...options];
  const child = spawn("bash", ["-c", 'exec openssl s_server "$@" < <($0)', command, ...args], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  endings.push(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    rmSync(directory, { recursive: true });
  });
  for await (const line of createInterface(child.stdout)) {
    const port = /^ACCEPT .*:(\d+)$/.exec(line)?.[1];
    if (port === undefined) continue;
    child.stdout.resume();
    return Number(port);
  }
  throw new Error("openssl doesn't listen.");
}

/** For 6 s, the first time. */
function stoppedWhileConnecting(): Pick<DelivererOptions, "timers" | "names"> {
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
  return { timers, names };
}

/** A process that listens and never accepts, and enough connections to fill its queue. */
async function portWithFullQueue(): Promise<number> {
  const script = `
    const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      process.stdout.write(server.address().port + "\\n", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20000));
    });`;
  const child: ChildProcess = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  endings.push(() => child.kill("SIGKILL"));
  if (child.stdout === null) throw new Error("The process has no output.");
  const [line] = await once(child.stdout, "data");
  const port = Number(String(line));
  for (let filled = 0; filled < 16; filled++) {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    endings.push(() => socket.destroy());
    await Promise.race([once(socket, "connect"), new Promise((resolve) => setTimeout(resolve, 150))]);
    // On a loaded machine the time may be over before the event has been handled.
    await new Promise((resolve) => setImmediate(resolve));
    if (socket.connecting) return port;
  }
  throw new Error("The queue never filled.");
}
