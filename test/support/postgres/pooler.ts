/** A PgBouncer in transaction mode in front of a server of the tests. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findPgbouncer, NO_PGBOUNCER } from "./find-pgbouncer.js";
import { freePort, type PostgresServer } from "./server.js";

export interface Pooler {
  /** The server's URL, through the pooler. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Fewer connections to the server than one node has to the pooler: all share them. */
const POOL_SIZE = 6;

export async function startPooler(server: PostgresServer): Promise<Pooler> {
  const program = findPgbouncer(process.env);
  if (program === null) throw new Error(NO_PGBOUNCER);
  const { username, password, hostname, port } = new URL(server.url);
  const folder = mkdtempSync(join(tmpdir(), "whcb-pgbouncer-"));
  const url = new URL(server.url);
  url.port = String(await freePort());
  // It doesn't run as root.
  const owner = statSync(server.folder);
  chownSync(folder, owner.uid, owner.gid);
  const [settings, users] = [join(folder, "pgbouncer.ini"), join(folder, "users.txt")];
  writeFileSync(users, `"${username}" "${decodeURIComponent(password)}"\n`);
  writeFileSync(
    settings,
    `[databases]
* = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${url.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${POOL_SIZE}
`,
  );
  for (const file of [settings, users]) chownSync(file, owner.uid, owner.gid);
  const asOwner = process.getuid?.() === 0 ? { uid: owner.uid, gid: owner.gid } : {};
  const child = spawn(program, [settings], { ...asOwner, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "close");
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true });
  };
  const log: string[] = [];
  for await (const line of createInterface(child.stderr)) {
    log.push(line);
    if (line.includes("process up")) {
      child.stderr.resume();
      return { url: url.href, stop };
    }
  }
  await stop();
  throw new Error(`pgbouncer doesn't start: ${log.join("\n")}`);
}
