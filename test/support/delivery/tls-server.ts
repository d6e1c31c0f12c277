/** A server that only does TLS, and counts the handshakes of each connection. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { TLSSocket, type TlsOptions } from "node:tls";

export interface TlsServer {
  readonly port: number;
  /** Resolves when a connection has ended, to the completed handshakes of each connection. */
  readonly handshakes: Promise<readonly number[]>;
  close(): void;
}

export interface Beginning {
  readonly prelude?: (socket: Socket) => Promise<unknown>;
  readonly greeting?: string;
}

/**
 * Begins a second handshake once it has received something, and ends the connection after that. A server that doesn't begin with TLS has a
 * `prelude`, which resolves when TLS begins, and one that speaks first has a `greeting`.
 */
export async function startTlsServer(options: TlsOptions, { prelude, greeting = "" }: Beginning = {}): Promise<TlsServer> {
  const sockets = new Set<Socket>();
  const handshakes: number[] = [];
  let end = (): void => undefined;
  const ended = new Promise<readonly number[]>((resolve) => {
    end = () => resolve(handshakes);
  });
  const server = createServer(async (socket) => {
    sockets.add(socket.on("error", () => undefined));
    const index = handshakes.push(0) - 1;
    socket.on("close", end);
    await prelude?.(socket);
    const secure = new TLSSocket(socket, { isServer: true, ...options }).on("error", () => socket.destroy());
    secure.on("secure", () => {
      handshakes[index] = (handshakes[index] ?? 0) + 1;
      if (handshakes[index] === 1) secure.write(greeting);
      else socket.destroy();
    });
    secure.once("data", () => {
      secure.renegotiate({}, () => undefined);
      // A client that refuses waits for an answer.
      secure.setTimeout(1_000, () => socket.destroy());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    handshakes: ended,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
