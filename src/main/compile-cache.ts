import { lstatSync } from "node:fs";
import { join } from "node:path";
import { isOwn, requireOwnFolder } from "../platform/files/is-own.js";

/**
 * Node 22.1 and later keep what V8 compiled below `dataFolder`, for later starts. What is there is run, so there is no cache unless its folder
 * is this user's alone. Node creates it, unless the cache is disabled or elsewhere; the data folder isn't created for it. Node's default is in the
 * shared temporary folder, under a name that others can guess.
 */
export function enableCompileCache(dataFolder: string): void {
  // Node 20 has none, and would take a millisecond to load the module.
  if (process.versions.node.startsWith("20.")) return;
  const enable: unknown = Reflect.get(process.getBuiltinModule("node:module"), "enableCompileCache");
  if (typeof enable !== "function") return;
  const folder = ownCache(dataFolder);
  if (folder !== null) enable(folder);
}

/** Returns null if the data folder isn't there, or if others may write to the cache or exchange it. */
function ownCache(dataFolder: string): string | null {
  try {
    const folder = join(requireOwnFolder(dataFolder), "compile-cache");
    const cache = lstatSync(folder, { throwIfNoEntry: false });
    return cache === undefined || isOwn(cache, 0o077) ? folder : null;
  } catch {
    return null;
  }
}
