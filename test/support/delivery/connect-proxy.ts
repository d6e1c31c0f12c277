/** A proxy on loopback: it opens tunnels and forwards requests, to ports of this machine whatever the name. */
import { once } from "node:events";
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Certificate } from "./certificate.js";

export interface ConnectProxy {
  readonly port: number;
  /** What it was asked, such as "CONNECT orders.example:443", and what it was sent to Proxy-Authorization. */
  readonly asked: readonly string[];
  readonly logins: readonly (string | undefined)[];
  close(): Promise<void>;
}

export interface ConnectProxyOptions {
  readonly port?: number;
  /** The proxy speaks TLS if it is given. */
  readonly certificate?: Certificate;
  /** Answers CONNECT, or any other request, in place of the proxy's own answer. */
  readonly answer?: (socket: Socket, head: string) => void;
}

export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const { port = 0, certificate, answer } = options;
  const asked: string[] = [];
  const logins: (string | undefined)[] = [];
  const note = ({ method, url = "", headers }: IncomingMessage): string => {
    asked.push(`${method} ${url}`);
    logins.push(headers["proxy-authorization"]);
    return url;
  };
  const onRequest = (incoming: IncomingMessage, response: ServerResponse): void => {
    if (new URL(incoming.url ?? "").hostname.endsWith(".invalid")) {
      response.writeHead(502).end();
      return;
    }
    const { port: targetPort, pathname, search } = new URL(note(incoming));
    if (answer !== undefined) {
      answer(incoming.socket, "");
      return;
    }
    const { method, headers } = incoming;
    const target = forward({ host: "127.0.0.1", port: targetPort, path: pathname + search, method, headers }, (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(response);
    });
    target.on("error", () => response.writeHead(502).end());
    incoming.pipe(target);
  };
  const server = certificate === undefined ? createServer(onRequest) : createTlsServer(certificate, onRequest);
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => open.add(socket.on("error", () => undefined)));
  server.on("connect", (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on("error", () => undefined);
    const name = note(incoming);
    if (answer !== undefined) {
      answer(socket, head.toString());
      return;
    }
    const target = connect(Number(name.split(":").at(-1)), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(target).pipe(socket);
    });
    open.add(target);
    target.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    logins,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
