/** What the systems lack that the tests run on. */
import { readdirSync, statSync } from "node:fs";

/** It has no modes, no POSIX shell, and doesn't say which files a process has open. */
export const IS_WINDOWS = process.platform === "win32";

/** Returns whether others have no rights to the file or folder. On Windows, whose folder it is in decides that. */
export function isPrivate(path: string): boolean {
  return IS_WINDOWS || (statSync(path).mode & 0o077) === 0;
}

export function countOpenFiles(): number {
  return IS_WINDOWS ? 0 : readdirSync("/dev/fd").length;
}
