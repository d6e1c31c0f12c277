import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders: string[] = [];

export function newWorldFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "whcb-cli-"));
  folders.push(folder);
  return folder;
}

export function removeWorldFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
