/** The stores that the peers need, each a process of its own. What isn't there is said, and leaves its column empty. */
import { chmodSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Scope, Started } from "./scope.js";

/** `stores`: the processes that keep the data. */
export type Peer<Address> =
  | { readonly address: Address & { readonly stores: readonly number[] }; readonly missing: null }
  | { readonly address: null; readonly missing: string };

export interface RedisAddress {
  readonly socket: string;
}

/** Redis on a socket, with an append-only file that is flushed to disk every second, or before each answer. */
export async function startRedis(scope: Scope, appendfsync: "everysec" | "always"): Promise<Peer<RedisAddress>> {
  if (!scope.settings.peers) return missing("--no-peers");
  const directory = join(scope.folder, `redis-${appendfsync}`);
  mkdirSync(directory);
  try {
    const { line, child } = await startStore(scope, "redis.mjs", { directory, appendfsync });
    return { address: { socket: line, stores: [child.pid ?? 0] }, missing: null };
  } catch {
    return missing("redis-server not found, or it didn't start");
  }
}

/** PostgreSQL as durable as it is by default, and tuned (peers/postgres.mjs). */
export async function startPostgres(scope: Scope): Promise<Peer<{ readonly connectionString: string }>> {
  if (!scope.settings.peers) return missing("--no-peers");
  // Its server runs as another user where this one is root.
  if (process.getuid?.() === 0) chmodSync(scope.folder, 0o755);
  try {
    const options = { directory: join(scope.folder, "postgres"), port: await freePort() };
    const { line, child } = await startStore(scope, "postgres.mjs", options);
    return { address: { connectionString: line, stores: [child.pid ?? 0] }, missing: null };
  } catch {
    return missing("PostgreSQL didn't start");
  }
}

/** Its own processes end with it, but only if it can end them. */
async function startStore(scope: Scope, name: string, options: object): Promise<Started> {
  const started = await scope.start(name, options);
  scope.onClose(() => scope.end(started.child));
  return started;
}

function missing(reason: string): { readonly address: null; readonly missing: string } {
  return { address: null, missing: `not measured: ${reason}` };
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === "object" ? address.port : 0));
    });
  });
}
