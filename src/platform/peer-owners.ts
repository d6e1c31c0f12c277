import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/**
 * Returns the users of this machine's sockets that are at the other end of the connection, or null where the system doesn't tell. Linux says 0
 * of one that its program hasn't accepted yet. Other addresses with the same two ports count, too.
 */
export function peerOwners({
  localPort = 0,
  remotePort = 0,
}: Pick<Socket, "localPort" | "remotePort">): readonly number[] | null {
  const [near, far] = [localPort, remotePort].map((port) => port.toString(16).toUpperCase().padStart(4, "0"));
  const peer = new RegExp(`^ *\\d+: \\w+:${far} \\w+:${near} (?:\\S+ +){4}(\\d+) `, "gm");
  const tables = ["tcp", "tcp6"].flatMap((name) => read(`/proc/self/net/${name}`) ?? []);
  return tables.length === 0 ? null : tables.flatMap((table) => Array.from(table.matchAll(peer), ([, uid]) => Number(uid)));
}

/** Without IPv6 there is no table of it. */
function read(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return null;
  }
}
