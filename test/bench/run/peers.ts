/** The stores that the peers need, each a process of its own. What isn't there is said, and leaves its column empty. */
import { spawn } from "node:child_process";
import { chmodSync, existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Scope } from "./scope.js";

export type Peer<Address> =
  | { readonly address: Address; readonly missing: null }
  | { readonly address: null; readonly missing: string };

/** Redis on a socket in the bench's folder, as Debian sets it up: nothing is flushed to disk while it is measured. */
export async function startRedis(scope: Scope): Promise<Peer<{ readonly socket: string }>> {
  if (!scope.settings.peers) return missing("--no-peers");
  const socket = join(scope.folder, "redis.sock");
  const child = spawn("redis-server", ["--port", "0", "--unixsocket", socket, "--dir", scope.folder], { stdio: "ignore" });
  const failed = new Promise<string>((resolve) => {
    child.once("error", () => resolve("redis-server not found"));
    child.once("exit", (code) => resolve(`redis-server ended with ${code}`));
  });
  scope.onClose(async () => void child.kill("SIGKILL"));
  for (let tries = 0; tries < 100; tries += 1) {
    const reason = await Promise.race([failed, new Promise<null>((resolve) => setTimeout(resolve, 50, null))]);
    if (reason !== null) return missing(reason);
    if (existsSync(socket)) return { address: { socket }, missing: null };
  }
  return missing("redis-server didn't start");
}

/** PostgreSQL with its own defaults (fsync and synchronous_commit on). */
export async function startPostgres(scope: Scope): Promise<Peer<{ readonly connectionString: string }>> {
  if (!scope.settings.peers) return missing("--no-peers");
  // Its server runs as another user where this one is root.
  if (process.getuid?.() === 0) chmodSync(scope.folder, 0o755);
  try {
    const { line } = await scope.start("postgres.mjs", { directory: join(scope.folder, "postgres"), port: await freePort() });
    return { address: { connectionString: line }, missing: null };
  } catch {
    return missing("PostgreSQL didn't start");
  }
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
