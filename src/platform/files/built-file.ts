import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { getAsset, isSea } from "node:sea";

/** Reads a file that the build made. The executable contains it, by its name. Returns null if there is no such file. */
export function readBuiltFile(path: string): Buffer | null {
  if (isSea()) return Buffer.from(getAsset(basename(path)));
  return existsSync(path) ? readFileSync(path) : null;
}
