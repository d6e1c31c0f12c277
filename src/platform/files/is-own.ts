import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { WhcbError } from "../../domain/errors.js";

export const EVERYBODY_WRITES = 0o002;
export const OTHERS_WRITE = 0o022;
/** In such a folder, only its owner and root rename or remove what is another's. */
const STICKY = 0o1000;

/**
 * Returns whether the file or folder is this user's, and others have none of the rights `forbidden`. Windows has neither owners nor modes; a
 * user's folders are private there.
 */
export function isOwn({ uid, mode }: Stats, forbidden = OTHERS_WRITE): boolean {
  return process.getuid === undefined || (uid === process.getuid() && (mode & forbidden) === 0);
}

/**
 * Returns the folder's path without links. Throws if others may write to the folder or exchange it: it must be this user's, each folder above
 * this user's or root's, and others may write only to sticky ones of these.
 */
export function requireOwnFolder(folder: string): string {
  if (!lstatSync(folder).isDirectory()) throw new Error(`${folder} isn't a folder itself, but a link or a file`);
  if (process.getuid === undefined) return folder;
  const path = realpathSync(folder);
  if (!isOwn(lstatSync(path))) throw notOwn(path);
  for (let at = path; at !== dirname(at); ) {
    at = dirname(at);
    const { uid, mode } = lstatSync(at);
    const isWritable = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
    if (isWritable || (uid !== 0 && uid !== process.getuid())) throw notOwn(at);
  }
  return path;
}

/** The system follows no more of them on one path. */
const MAX_LINKS = 40;

/** Throws `config` if a stranger made the file, or a folder or link on the way to it, in a folder where everybody may write. */
export function requireNoStrangers(path: string): void {
  if (process.getuid === undefined) return;
  const left = (isAbsolute(path) ? path : `${process.cwd()}/${path}`).split("/");
  let at = "/";
  for (let links = 0; left.length > 0 && links <= MAX_LINKS; ) {
    at = join(at, left.shift() ?? "");
    const file = lstatSync(at, { throwIfNoEntry: false });
    if (file === undefined) return;
    requireNoStranger(at, EVERYBODY_WRITES, undefined, file);
    if (!file.isSymbolicLink()) continue;
    const target = readlinkSync(at);
    left.unshift(...target.split("/"));
    at = isAbsolute(target) ? "/" : dirname(at);
    links++;
  }
}

/**
 * `writeBits` are those of who might have made the file. Neither root nor the user `alsoAllowed` is a stranger. `file` is what was opened, as
 * the name may be another file's meanwhile.
 */
export function requireNoStranger(
  path: string,
  writeBits: number,
  alsoAllowed?: number,
  file: Stats | undefined = lstatSync(path, { throwIfNoEntry: false }),
): void {
  if (file === undefined || (statSync(dirname(path)).mode & writeBits) === 0) return;
  if ([0, process.getuid?.(), alsoAllowed].includes(file.uid)) return;
  throw new WhcbError("config", `${path} belongs to another user, and others may write to its folder`, {
    hint: "Remove it if you don't know it, or give it to the user that runs whcb (chown), or close the folder to others (chmod go-w).",
  });
}

function notOwn(folder: string): Error {
  return new Error(`${folder} belongs to another user, or others may write to it`);
}
