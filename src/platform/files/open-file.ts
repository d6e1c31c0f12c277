import { type BigIntStats, existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

/**
 * Returns whether the process has the file open and the same network as this one. It is null if the system doesn't tell: it isn't Linux, or
 * the process has ended, or has more rights than this one.
 */
export function hasOpen(pid: number, path: string): boolean | null {
  try {
    const file = statSync(path, { bigint: true });
    if (readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync("/proc/self/ns/net")) return false;
    return [...openFiles(pid).values()].some((open) => isSame(open, file));
  } catch {
    return null;
  }
}

/** Returns a function that lists the files that this process has opened since, or returns null where the system doesn't tell. */
export function watchOpened(): () => readonly BigIntStats[] | null {
  if (!existsSync("/proc/self/fd")) return () => null;
  const before = openFiles("self");
  const isNew = ([descriptor, file]: [string, BigIntStats]) => !isSame(before.get(descriptor), file);
  return () => [...openFiles("self")].filter(isNew).map(([, file]) => file);
}

/** Returns what the process has open, by the descriptor. */
function openFiles(pid: number | "self"): ReadonlyMap<string, BigIntStats> {
  const folder = `/proc/${pid}/fd`;
  const files = new Map<string, BigIntStats>();
  for (const descriptor of readdirSync(folder)) {
    const file = statSync(`${folder}/${descriptor}`, { bigint: true, throwIfNoEntry: false });
    if (file?.isFile()) files.set(descriptor, file);
  }
  return files;
}

export function isSame(one: BigIntStats | undefined, other: BigIntStats): boolean {
  return one?.dev === other.dev && one.ino === other.ino;
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
