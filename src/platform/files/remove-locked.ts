import { rm } from "node:fs/promises";

/**
 * Removes a file whose lock `release` ends, so that two processes never have two files of one name locked: one that waits for a removed file
 * would lock it, and the next process a new one. Windows removes no file that a process has open.
 */
export async function removeLocked(path: string, release: () => Promise<void>): Promise<void> {
  const remove = () => rm(path, { force: true }).catch(() => undefined);
  if (process.platform !== "win32") await remove();
  await release();
  if (process.platform === "win32") await remove();
}
