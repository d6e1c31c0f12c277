import { lstatSync } from "node:fs";
import { join } from "node:path";
import { isOwn } from "../platform/files/is-own.js";

/**
 * Node 22.1 and later keep what V8 compiled below `dataFolder`, for later starts. What is there is run, so there is no cache unless its folder
 * is this user's alone. Node creates it, unless the cache is disabled or elsewhere; the data folder isn't created for it. Node's default is in the
 * shared temporary folder, under a name that others can guess.
 */
export function enableCompileCache(dataFolder: string): void {
  const enable: unknown = Reflect.get(process.getBuiltinModule("node:module"), "enableCompileCache");
  const folder = join(dataFolder, "compile-cache");
  if (typeof enable === "function" && isPrivate(dataFolder, folder)) enable(folder);
}

/** Returns false if the data folder isn't there, or if others may write to the cache or exchange it. */
function isPrivate(dataFolder: string, folder: string): boolean {
  try {
    const cache = lstatSync(folder, { throwIfNoEntry: false });
    return isOwn(lstatSync(dataFolder), 0o022) && (cache === undefined || isOwn(cache, 0o077));
  } catch {
    return false;
  }
}
