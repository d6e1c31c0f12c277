import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

/** Returns whether the process has the file open, and the same network as this one. Throws where the system doesn't tell: on Linux it does. */
export function hasOpen(pid: number, path: string): boolean {
  const network = readlinkSync("/proc/self/ns/net");
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    if (readlinkSync(`/proc/${pid}/ns/net`) !== network) return false;
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      const open = statSync(`/proc/${pid}/fd/${descriptor}`, { bigint: true, throwIfNoEntry: false });
      return open?.dev === dev && open.ino === ino;
    });
  } catch {
    return false;
  }
}

/**
 * Returns the process that keeps others from this file, or null if the system's list of locks has none. Linux may take ten milliseconds for it.
 * Throws the file system's errors.
 */
export function findHolder(path: string): number | null {
  const { ino } = statSync(path, { bigint: true });
  const line = new RegExp(`^\\d+: POSIX +ADVISORY +WRITE (\\d+) \\S+:${ino} `, "m").exec(readFileSync("/proc/locks", "utf8"));
  return line === null ? null : Number(line[1]);
}
