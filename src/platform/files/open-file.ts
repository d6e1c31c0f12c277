import { type BigIntStats, fstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

/**
 * Returns whether the process has the file open and the same network as this one. It is null if the system doesn't tell: it isn't Linux, or
 * the process has ended, or has more rights than this one.
 */
export function hasOpen(pid: number, path: string): boolean | null {
  try {
    const file = statSync(path, { bigint: true });
    if (readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync("/proc/self/ns/net")) return false;
    return hasDescriptorOf(`/proc/${pid}/fd`, file);
  } catch {
    return null;
  }
}

/** Returns whether this process has the descriptor's file open by another one, too. Only Linux tells; elsewhere it is null. */
export function isOpenTwice(descriptor: number): boolean | null {
  try {
    return hasDescriptorOf("/proc/self/fd", fstatSync(descriptor, { bigint: true }), String(descriptor));
  } catch {
    return null;
  }
}

function hasDescriptorOf(folder: string, { dev, ino }: BigIntStats, besides?: string): boolean {
  return readdirSync(folder).some((descriptor) => {
    if (descriptor === besides) return false;
    const open = statSync(`${folder}/${descriptor}`, { bigint: true, throwIfNoEntry: false });
    return open?.dev === dev && open.ino === ino;
  });
}

/** Returns the process that Linux lists as the one that keeps others from this file, or null. Linux may take ten milliseconds for the list. */
export function findHolder(path: string): number | null {
  try {
    const { ino } = statSync(path, { bigint: true });
    const line = new RegExp(`^\\d+: POSIX +ADVISORY +WRITE (\\d+) \\S+:${ino} `, "m").exec(readFileSync("/proc/locks", "utf8"));
    return line === null ? null : Number(line[1]);
  } catch {
    return null;
  }
}
