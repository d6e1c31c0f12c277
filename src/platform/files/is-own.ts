import type { Stats } from "node:fs";

/**
 * Returns whether the file or folder is this user's, and others have none of the rights `forbidden`. Windows has neither owners nor modes; a
 * user's folders are private there.
 */
export function isOwn({ uid, mode }: Stats, forbidden: number): boolean {
  return process.getuid === undefined || (uid === process.getuid() && (mode & forbidden) === 0);
}
