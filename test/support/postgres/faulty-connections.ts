/** Connections to the database that break at a statement. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Breaks before the statement arrives, or after it was done, or while it is on its way: then it is done later. */
export type Fault = "before" | "after" | "late";

export interface FaultyConnections {
  /** The database's URL, through them. */
  readonly url: string;
  close(): void;
}

export async function openFaultyConnections(
  databaseUrl: string,
  faultOf: (query: Buffer) => Fault | null,
  lateMs: () => number,
): Promise<FaultyConnections> {
  const url = new URL(databaseUrl);
  const target = { host: url.hostname, port: Number(url.port) };
  const sockets = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect(target);
    let fault: Fault | null = null;
    let isStartup = true;
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => void sockets.delete(socket));
    }
    inner.on("data", (bytes) => {
      if (fault === null && !isStartup) fault = faultOf(bytes);
      isStartup = false;
      if (fault === null || fault === "after") outer.write(bytes);
      else if (fault === "before") outer.destroy();
      else if (!inner.destroyed) {
        inner.destroy();
        setTimeout(() => outer.end(bytes), lateMs());
      }
    });
    outer.on("data", (bytes) => {
      if (fault === null) inner.write(bytes);
      else inner.destroy();
    });
    inner.on("close", () => {
      if (fault !== "late") outer.destroy();
    });
    outer.on("close", () => inner.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  url.hostname = "127.0.0.1";
  url.port = String(typeof address === "object" ? address?.port : "");
  return {
    url: url.href,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
