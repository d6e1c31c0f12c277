/** A network between a node and the database that fails as a test asks for. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface DatabaseProxy {
  /** The database's URL, through the proxy. */
  readonly url: string;
  /** Connections stay open, and nothing gets through. `name`: only those that an application of this name has now. */
  stall(name?: string): void;
  /** Connections stay open. What the node asks doesn't get through, or what the database answers. */
  stallOneWay(way: "requests" | "answers"): void;
  /** What was sent meanwhile arrives. */
  resume(): void;
  /** Connections end, and so does each new one at once. */
  cut(): void;
  restore(): void;
  /** New connections go to this database. */
  redirect(databaseUrl: string): void;
  /** The database does what it was asked; then the connection ends, before the answer. */
  loseAnswers(isLost: (query: Buffer) => boolean): void;
  readonly lostAnswers: number;
  close(): void;
}

const addressOf = ({ hostname, port }: URL) => ({ host: hostname, port: Number(port) });

/** The end of a query's text is marked. */
export const isCommit = (query: Buffer): boolean => query.includes("COMMIT\0");

export async function openDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const url = new URL(databaseUrl);
  let target = addressOf(url);
  const sockets = new Set<Socket>();
  /** The first bytes of each connection. */
  const startups = new Map<readonly [inner: Socket, outer: Socket], Buffer>();
  let stalled: "requests" | "answers" | "both" | null = null;
  let isCut = false;
  let isLost = (_: Buffer) => false;
  let lost = 0;

  const server = createServer((inner) => {
    if (isCut) return void inner.on("error", () => undefined).destroy();
    const outer = connect(target);
    const ends = [inner, outer] as const;
    startups.set(ends, Buffer.alloc(0));
    inner.once("data", (startup) => void startups.set(ends, startup));
    inner.once("close", () => void startups.delete(ends));
    let isAnswerLost = false;
    inner.on("data", (bytes) => {
      isAnswerLost ||= isLost(bytes);
      outer.write(bytes);
    });
    outer.on("data", (bytes) => {
      if (!isAnswerLost) return void inner.write(bytes);
      lost += 1;
      inner.destroy();
    });
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      if (stalled === "both" || stalled === (from === inner ? "requests" : "answers")) from.pause();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  url.hostname = "127.0.0.1";
  url.port = String(typeof address === "object" ? address?.port : "");
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    stall(name) {
      stalled = name === undefined ? "both" : null;
      for (const [ends, startup] of startups)
        if (name === undefined || startup.includes(`\0${name}\0`)) for (const socket of ends) socket.pause();
    },
    stallOneWay(way) {
      stalled = way;
      for (const [inner, outer] of startups.keys()) (way === "requests" ? inner : outer).pause();
    },
    resume() {
      stalled = null;
      for (const socket of sockets) socket.resume();
    },
    cut() {
      isCut = true;
      endAll();
    },
    restore() {
      isCut = false;
    },
    redirect(databaseUrl) {
      target = addressOf(new URL(databaseUrl));
    },
    loseAnswers(decide) {
      isLost = decide;
    },
    get lostAnswers() {
      return lost;
    },
    close() {
      server.close();
      endAll();
    },
  };
}
