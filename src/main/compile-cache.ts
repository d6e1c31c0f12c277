import { lstatSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Node 22.1 and later keep what V8 compiled below `dataFolder`, for later starts. What is there is run, so there is no cache unless its folder
 * is this user's alone. Node's default is in the shared temporary folder, under a name that others can guess.
 */
export function enableCompileCache(dataFolder: string): void {
  const enable: unknown = Reflect.get(process.getBuiltinModule("node:module"), "enableCompileCache");
  const folder = join(dataFolder, "compile-cache");
  if (typeof enable === "function" && isPrivate(folder)) enable(folder);
}

/** Creates it with mode 0700 if it isn't there. false: it can't be created, or others may write to it or exchange it. */
function isPrivate(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isOwn(folder, 0o077) && isOwn(dirname(folder), 0o022);
  } catch {
    return false;
  }
}

/** Windows has neither owners nor modes; a user's folders are private there. */
function isOwn(folder: string, forbidden: number): boolean {
  const { uid, mode } = lstatSync(folder);
  return process.getuid === undefined || (uid === process.getuid() && (mode & forbidden) === 0);
}
