import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IS_WINDOWS } from "./system.js";

const folders: string[] = [];

/** The folder is removed at the end of the test file, if not before. */
export function newTemporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.push(folder);
  return folder;
}

export function removeTemporaryFolders(): void {
  for (const folder of folders.splice(0)) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      // It keeps a module that this process has loaded.
      if (!IS_WINDOWS) throw error;
    }
  }
}
