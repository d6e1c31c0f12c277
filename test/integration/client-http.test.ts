/** The client meets servers and proxies that misbehave, on real sockets. */
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, type Socket } from "node:net";
import { hostname } from "node:os";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createHttpTransport, type HttpTarget } from "../../src/client/http-transport.js";
import type { TransportRequest } from "../../src/client/transport.js";
import { interfaceAddresses } from "../../src/platform/loopback.js";
import { systemTimers } from "../../src/platform/running-timers.js";
import { selfSignedCertificate } from "../support/delivery/certificate.js";
import { blockLoop } from "../support/time/block-loop.js";

const GET: TransportRequest = { method: "GET", path: "/callbacks", headers: { accept: "application/json" }, body: null };
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket)).on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(async () => {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, "close");
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return address.port;
}

async function send(target: Omit<HttpTarget, "timers">, request: TransportRequest = GET) {
  const transport = await createHttpTransport({ ...target, timers: systemTimers });
  closing.push(() => transport.close());
  return transport.send({ ...request, path: transport.basePath + request.path });
}

function answerWithoutEnd(_: IncomingMessage, response: ServerResponse): void {
  const chunk = Buffer.alloc(1024 * 1024);
  const write = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.writeHead(200).on("drain", write);
  write();
}

describe("a request over HTTP", () => {
  it("sends method, path below the base path, headers and body, and returns the answer", async () => {
    const seen: unknown[] = [];
    const port = await listen(
      createHttpServer(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        seen.push([request.method, request.url, request.headers["x-api-key"], Buffer.concat(chunks).toString("utf8")]);
        response.writeHead(204, { "X-Error-Code": "none" }).end();
      }),
    );
    const target = { url: `http://127.0.0.1:${port}/api/v1/` };
    const answer = await send(target, {
      method: "PUT",
      path: "/callbacks/X?id=1",
      headers: { "x-api-key": "k" },
      body: "größer",
    });
    expect(seen).toEqual([["PUT", "/api/v1/callbacks/X?id=1", "k", "größer"]]);
    expect(answer).toMatchObject({ status: 204, headers: { "x-error-code": "none" }, body: "" });
  });

  it("doesn't follow a redirect", async () => {
    let requests = 0;
    const port = await listen(
      createHttpServer((_, response) => {
        requests++;
        response.writeHead(302, { location: "/elsewhere" }).end();
      }),
    );
    expect((await send({ url: `http://127.0.0.1:${port}` })).status).toBe(302);
    expect(requests).toBe(1);
  });

  it("sends nothing on a connection that doesn't lead to the service, and asks once for each", async () => {
    const answers = [true, false];
    let asked = 0;
    let opened = 0;
    const expectService = () => {
      const wasOpened = opened;
      return async () => wasOpened === asked && (answers[asked++] ?? false);
    };
    const seen: unknown[] = [];
    const server = createHttpServer((request, response) => {
      seen.push(request.headers["x-api-key"]);
      if (seen.length === 2) response.setHeader("connection", "close");
      response.end("ours");
    });
    server.on("connection", (socket) => {
      opened++;
      if (asked > 0) socket.on("data", (bytes) => seen.push(String(bytes))).write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    const transport = await createHttpTransport({
      url: `http://127.0.0.1:${await listen(server)}`,
      timers: systemTimers,
      expectService,
    });
    closing.push(() => transport.close());
    const request = { ...GET, headers: { "x-api-key": "k" } };
    for (let count = 0; count < 2; count++) expect(await transport.send(request)).toMatchObject({ body: "ours" });
    expect(asked).toBe(1);
    await expect(transport.send(request)).rejects.toMatchObject({ reason: "refused" });
    expect(seen).toEqual(["k", "k"]);
  });

  it("has one deadline for the whole answer, however it arrives", async () => {
    const port = await listen(
      createHttpServer((_, response) => {
        response.writeHead(200);
        const drip = setInterval(() => response.write("x"), 10);
        response.on("close", () => clearInterval(drip));
      }),
    );
    await expect(send({ url: `http://127.0.0.1:${port}`, timeoutMs: 150 })).rejects.toMatchObject({ reason: "timeout" });
  });

  it("has its answer though this process was stopped for longer, and has no deadline while it is", async () => {
    const port = await listen(
      createHttpServer((_, response) => {
        response.end("here");
        blockLoop(800);
      }),
    );
    expect(await send({ url: `http://127.0.0.1:${port}`, timeoutMs: 500 })).toMatchObject({ status: 200, body: "here" });
  });

  it("distinguishes a closed port from a connection closed before or during the answer", async () => {
    const before = await listen(createHttpServer((request) => request.socket.destroy()));
    await expect(send({ url: `http://127.0.0.1:${before}` })).rejects.toMatchObject({ reason: "cut" });
    const within = await listen(
      createHttpServer((request, response) => {
        response.writeHead(200, { "content-length": 100 }).write("half");
        setImmediate(() => request.socket.destroy());
      }),
    );
    await expect(send({ url: `http://127.0.0.1:${within}` })).rejects.toMatchObject({ reason: "cut" });
    const server = createHttpServer();
    const port = await listen(server);
    await closing.pop()?.();
    await expect(send({ url: `http://127.0.0.1:${port}` })).rejects.toMatchObject({ reason: "refused" });
  });

  it("rejects an endless answer", async () => {
    const port = await listen(createHttpServer(answerWithoutEnd));
    await expect(send({ url: `http://127.0.0.1:${port}` })).rejects.toMatchObject({ reason: "too-large" });
  });

  it.each(["", "0"])(
    "explains a self-signed certificate, and a port without TLS: NODE_TLS_REJECT_UNAUTHORIZED=%s",
    async (value) => {
      vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", value);
      closing.push(async () => void vi.unstubAllEnvs());
      const certificate = selfSignedCertificate("IP:127.0.0.1");
      const tls = await listen(createTlsServer(certificate, (_, response) => void response.end("{}")));
      await expect(send({ url: `https://127.0.0.1:${tls}` })).rejects.toMatchObject({
        reason: "tls",
        message: expect.stringContaining("self-signed"),
      });
      const plain = await listen(createHttpServer((_, response) => void response.end("{}")));
      await expect(send({ url: `https://127.0.0.1:${plain}` })).rejects.toMatchObject({
        reason: "tls",
        message: expect.stringContaining("http://"),
      });
    },
  );

  it("takes a handshake that breaks otherwise for no port without TLS", async () => {
    const alert = Buffer.from([0x15, 3, 3, 0, 2, 2, 40]);
    const port = await listen(createHttpServer().on("connection", (socket) => socket.end(alert)));
    await expect(send({ url: `https://127.0.0.1:${port}` })).rejects.toMatchObject({
      reason: "tls",
      message: expect.stringMatching(/^the TLS handshake failed \(/),
    });
  });

  it("is rejected for a URL that isn't http or https, without showing its password", async () => {
    await expect(send({ url: "ftp://user:s3cret@host/" })).rejects.toMatchObject({
      code: "config",
      message: expect.not.stringContaining("s3cret"),
    });
  });
});

describe("a proxy", () => {
  /** Connects everything to the service at this port; `seen` has what it was asked for, in clear. */
  async function startProxy(servicePort: number): Promise<{ url: string; seen: string[] }> {
    const seen: string[] = [];
    const server = createHttpServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.end();
    });
    server.on("connect", (request, socket) => {
      seen.push(`CONNECT ${request.url}`);
      const through = connect(servicePort, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        through.pipe(socket).pipe(through);
      });
      through.on("error", () => socket.destroy());
      socket.on("error", () => through.destroy());
    });
    const port = await listen(server);
    return { url: `http://127.0.0.1:${port}`, seen };
  }

  async function aServiceAndProxy() {
    const port = await listen(createHttpServer((request, response) => void response.end(JSON.stringify({ path: request.url }))));
    return { port, proxy: await startProxy(port) };
  }

  it("is used by CONNECT if one is set, except for hosts in NO_PROXY", async () => {
    const { proxy } = await aServiceAndProxy();
    const url = "http://service.invalid";
    expect(await send({ url, proxy: { httpProxy: proxy.url } })).toMatchObject({ status: 200, body: '{"path":"/callbacks"}' });
    await expect(send({ url, proxy: { httpProxy: proxy.url, noProxy: "service.invalid" } })).rejects.toMatchObject({
      reason: "dns",
    });
    await expect(send({ url, proxy: { httpsProxy: proxy.url } })).rejects.toMatchObject({ reason: "dns" });
    // The service has no TLS, so the handshake inside the tunnel fails.
    await expect(send({ url: "https://service.invalid", proxy: { httpsProxy: proxy.url } })).rejects.toMatchObject({
      reason: "tls",
    });
    await expect(send({ url: "https://service.invalid", proxy: { httpProxy: proxy.url } })).rejects.toMatchObject({
      reason: "tls",
    });
    expect(proxy.seen).toEqual(["CONNECT service.invalid:80", "CONNECT service.invalid:443", "CONNECT service.invalid:443"]);
  });

  it("isn't used for this machine and .local names, unless that is asked for", async () => {
    const { port, proxy } = await aServiceAndProxy();
    const proxies = { httpProxy: proxy.url, httpsProxy: proxy.url };
    for (const host of ["127.0.0.1", "localhost", "LOCALHOST", "0.0.0.0"]) {
      expect((await send({ url: `http://${host}:${port}`, proxy: proxies })).status).toBe(200);
    }
    for (const host of [
      "whcb-service.local",
      "whcb-service.LOCAL.",
      "[::1]:1",
      "127.9.9.9:1",
      "[::]:1",
      "[::ffff:127.0.0.1]:1",
      `${hostname()}:1`,
      `${hostname().toUpperCase()}.:1`,
      ...interfaceAddresses().map((address) => `${address.includes(":") ? `[${address}]` : address}:1`),
    ]) {
      await expect(send({ url: `http://${host}`, proxy: proxies })).rejects.toThrow();
    }
    expect(proxy.seen).toEqual([]);
    expect((await send({ url: "http://whcb-service.local", proxy: { ...proxies, includesLocal: true } })).status).toBe(200);
    expect(proxy.seen).toEqual(["CONNECT whcb-service.local:80"]);
  });

  it("tells whether the answer is UTF-8, as a request without one does", async () => {
    const bodies = [Buffer.from("café"), Buffer.from("café", "latin1")];
    for (const [index, body] of bodies.entries()) {
      const port = await listen(createHttpServer((_, response) => void response.end(body)));
      const proxy = await startProxy(port);
      const expected = { isUtf8: index === 0, body: body.toString() };
      expect(await send({ url: `http://127.0.0.1:${port}` })).toMatchObject(expected);
      expect(await send({ url: "http://service.invalid", proxy: { httpProxy: proxy.url } })).toMatchObject(expected);
    }
  });

  it("has the same limit of bytes", async () => {
    const proxy = await startProxy(await listen(createHttpServer(answerWithoutEnd)));
    const sent = send({ url: "http://service.invalid", proxy: { httpProxy: proxy.url } });
    await expect(sent).rejects.toMatchObject({ reason: "too-large" });
  });

  it("has the same deadline, for as long as this process runs", async () => {
    const silent = await startProxy(await listen(createHttpServer(() => undefined)));
    const url = "http://service.invalid";
    const timeoutMs = 500;
    await expect(send({ url, timeoutMs, proxy: { httpProxy: silent.url } })).rejects.toMatchObject({ reason: "timeout" });
    const blocking = createHttpServer((_, response) => {
      response.end("here");
      blockLoop(800);
    });
    const proxy = await startProxy(await listen(blocking));
    expect(await send({ url, timeoutMs, proxy: { httpProxy: proxy.url } })).toMatchObject({ status: 200, body: "here" });
  });

  it.each(["http", "https"])("has the same deadline if it never answers CONNECT, for an %s URL", async (scheme) => {
    const silent = `http://127.0.0.1:${await listen(createHttpServer().on("connect", () => undefined))}`;
    const transport = await createHttpTransport({
      url: `${scheme}://service.invalid`,
      timeoutMs: 300,
      proxy: { httpProxy: silent, httpsProxy: silent },
      timers: systemTimers,
    });
    await expect(transport.send(GET)).rejects.toMatchObject({ reason: "timeout" });
    const giveUp = AbortSignal.abort();
    await expect(transport.send({ ...GET, timeLimitMs: 60_000, giveUp })).rejects.toMatchObject({ reason: "timeout" });
    await transport.close();
  });

  it.each(["http://u:hunter2@[bad", "http://u:12/hunter2@proxy.invalid", "u:hunter2@proxy.invalid", "proxy.invalid:3128"])(
    "at %s is an error that shows no password",
    async (proxy) => {
      const sent = send({ url: "http://service.invalid", proxy: { httpProxy: proxy } });
      await expect(sent).rejects.toMatchObject({ code: "config", message: expect.not.stringContaining("hunter2") });
    },
  );
});
