import { readFileSync, statSync } from "node:fs";

/**
 * Returns whether the system's list of locks has one that keeps others from this file. It lists them on Linux only, and may leave some out.
 * Reading it takes less time than loading SQLite.
 */
export function isListedAsLocked(path: string): boolean {
  try {
    const { ino } = statSync(path, { bigint: true });
    const [, pid] =
      new RegExp(`^\\d+: POSIX +ADVISORY +WRITE (\\d+) \\S+:${ino} `, "m").exec(readFileSync("/proc/locks", "utf8")) ?? [];
    // Another user can lock a file that has this number on another file system.
    return pid !== undefined && statSync(`/proc/${pid}`).uid === process.getuid?.();
  } catch {
    return false;
  }
}
