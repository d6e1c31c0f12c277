import { type BigIntStats, existsSync, lstatSync, lutimesSync, readdirSync, readlinkSync, statSync } from "node:fs";

/**
 * Returns whether the process has the file open and the same network as this one. It is null if the system doesn't tell: it isn't Linux, or
 * the process has ended, or has more rights than this one.
 */
export function hasOpen(pid: number, path: string): boolean | null {
  try {
    const file = statSync(path, { bigint: true });
    if (readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync("/proc/self/ns/net")) return false;
    for (const [, open] of openFiles(pid)) if (isSame(open, file)) return true;
    return false;
  } catch {
    return null;
  }
}

/** Returns a function that lists the files that this process has opened since, or returns null where the system doesn't tell. */
export function watchOpened(): () => readonly BigIntStats[] | null {
  if (!existsSync("/proc/self/fd")) return () => null;
  const before = new Map(openFiles("self"));
  const isNew = ([descriptor, file]: [string, BigIntStats]) => !isSame(before.get(descriptor), file);
  return () => [...openFiles("self")].filter(isNew).map(([, file]) => file);
}

/** Finds what the process has open, by the descriptor. What it opened first comes first, as it may have thousands of connections. */
function* openFiles(pid: number | "self"): Generator<[string, BigIntStats]> {
  const folder = `/proc/${pid}/fd`;
  for (const descriptor of readdirSync(folder).sort((one, other) => Number(one) - Number(other))) {
    const file = statSync(`${folder}/${descriptor}`, { bigint: true, throwIfNoEntry: false });
    if (file?.isFile()) yield [descriptor, file];
  }
}

export function isSame(one: BigIntStats | undefined, other: BigIntStats): boolean {
  return one?.dev === other.dev && one.ino === other.ino;
}

/** Returns what differs for another file at this path, and for this one after `touch`. It is null if there is none. */
export function fileState(path: string): string | null {
  try {
    const { ino, ctimeNs, mtimeNs } = lstatSync(path, { bigint: true });
    return [ino, ctimeNs, mtimeNs].join();
  } catch {
    return null;
  }
}

/** Changes the times of the file, or of the link. */
export function touch(path: string): void {
  const seconds = Date.now() / 1_000;
  lutimesSync(path, seconds, seconds);
}
