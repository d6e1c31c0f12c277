import { rmSync } from "node:fs";

/**
 * Removes a file whose lock `release` ends, so that two processes never have two files of one name locked: one that waits for a removed file
 * would lock it, and the next process a new one. Windows removes no file that a process has open. Elsewhere the lock ends at once, if `release`
 * ends it so.
 */
export async function removeLocked(path: string, release: () => Promise<void>): Promise<void> {
  if (process.platform !== "win32") removeIfAllowed(path);
  await release();
  if (process.platform === "win32") removeIfAllowed(path);
}

export function removeIfAllowed(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A file that is left decides nothing.
  }
}
