/** An endpoint on loopback that sends exactly the given bytes. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Certificate } from "./certificate.js";

export interface RawServer {
  readonly port: number;
  readonly url: string;
  connections(): number;
  /** Requests whose head has arrived, on all connections. */
  requests(): number;
  /** The last request as it came in, headers and body. */
  lastRequest(): string;
  close(): Promise<void>;
}

/** `tcp` is below TLS, and the same socket without. */
export type OnRequest = (socket: Socket, number: number, tcp: Socket) => void;

/** `onRequest` is called when a request's headers have come in, with its number on that connection (1 for the first). */
export async function startRawServer(onRequest: OnRequest, certificate?: Certificate): Promise<RawServer> {
  const open = new Set<Socket>();
  let connections = 0;
  let requests = 0;
  let lastRequest = "";
  const server = createServer((tcp) => {
    connections += 1;
    open.add(tcp);
    tcp.on("close", () => open.delete(tcp)).on("error", () => undefined);
    const socket = certificate === undefined ? tcp : new TLSSocket(tcp, { isServer: true, ...certificate });
    socket.on("error", () => undefined);
    let number = 0;
    let unread = "";
    socket.on("data", (chunk) => {
      unread += chunk.toString("latin1");
      for (let end = endOfRequest(unread); end !== null; end = endOfRequest(unread)) {
        lastRequest = unread.slice(0, end);
        unread = unread.slice(end);
        number += 1;
        requests += 1;
        onRequest(socket, number, tcp);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return {
    port: address.port,
    url: `${certificate === undefined ? "http" : "https"}://127.0.0.1:${address.port}/hook`,
    connections: () => connections,
    requests: () => requests,
    lastRequest: () => lastRequest,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Returns where the first request ends with its body, or null while it isn't whole. */
function endOfRequest(text: string): number | null {
  const head = text.indexOf("\r\n\r\n");
  if (head === -1) return null;
  const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
  const end = head + 4 + length;
  return text.length >= end ? end : null;
}

/** Writes the same chunk for ever, as fast as it is read. */
export function writeForEver(socket: Socket, chunk: Buffer): void {
  const write = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", write);
  write();
}

/** Writes one byte at a time, with a pause, until the other side has had enough. */
export function drip(socket: Socket, text: string, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at >= text.length) clearInterval(timer);
    else socket.write(text.charAt(at++));
  }, everyMs);
}
