import { chmodSync, existsSync, lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { WhcbError } from "../../domain/errors.js";

export const EVERYBODY_WRITES = 0o002;
const OTHERS_WRITE = 0o022;
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
    if (isExchangeable(lstatSync(at))) throw notOwn(at);
  }
  return path;
}

/** Returns whether another user may give a name in this folder to another file. */
function isExchangeable({ uid, mode }: Stats): boolean {
  const isWritable = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
  return isWritable || (uid !== 0 && uid !== process.getuid?.());
}

/** The system follows no more of them on one path. */
const MAX_LINKS = 40;

interface Made {
  /** A group works with the file on purpose, so its members are no strangers, but for their links. */
  readonly isShared?: boolean;
  /** The name may be another file's meanwhile than of what was opened. */
  readonly opened?: Stats;
}

/**
 * Throws `config` if a stranger made the file, or a link on the way to it, in a folder where others may write, or made a folder on the way
 * where everybody may. A stranger is neither this user nor root nor the owner of the folder, who can exchange every file in it.
 */
export function requireNoStrangers(path: string, { isShared = false, opened }: Made = {}): void {
  if (process.getuid === undefined) return;
  const fileWriters = writersOf(isShared);
  const left = (isAbsolute(path) ? path : `${process.cwd()}/${path}`).split("/");
  let at = "/";
  for (let links = 0; left.length > 0 && links <= MAX_LINKS; ) {
    at = join(at, left.shift() ?? "");
    const file = lstatSync(at, { throwIfNoEntry: false });
    if (file === undefined) break;
    const isLink = file.isSymbolicLink();
    requireNoStranger(at, file, isLink ? OTHERS_WRITE : left.length === 0 ? fileWriters : EVERYBODY_WRITES);
    if (!isLink) continue;
    const target = readlinkSync(at);
    left.unshift(...target.split("/"));
    at = isAbsolute(target) ? "/" : dirname(at);
    links++;
  }
  if (opened !== undefined) requireNoStranger(at, opened, fileWriters);
}

/** SQLite opens these beside a database, and beside a file that is locked by it. */
export const SIDE_FILES: readonly string[] = ["-journal", "-wal", "-shm"];

/** Throws `config` if a stranger made the file, or one that SQLite opens beside it. */
export function requireNoStrangersBeside(path: string, isShared = false): void {
  requireNoStrangers(path, { isShared });
  const target = existsSync(path) ? realpathSync(path) : path;
  for (const end of SIDE_FILES) requireNoStrangers(`${target}${end}`, { isShared });
}

/** Returns the rights in a folder by which a stranger may have made a file. */
export function writersOf(isShared: boolean): number {
  return isShared ? EVERYBODY_WRITES : OTHERS_WRITE;
}

function requireNoStranger(path: string, { uid }: Stats, writers: number): void {
  const folder = statSync(dirname(path));
  if ((folder.mode & writers) === 0 || [0, process.getuid?.(), folder.uid].includes(uid)) return;
  throw new WhcbError("config", `${path} belongs to another user, and others may write to its folder`, {
    hint: "Remove it if you don't know it, or give it to the user that runs whcb (chown), or close the folder to others (chmod go-w).",
  });
}

/** Returns whether this user made the file. Root works for the owner of a folder, too. */
export function isMadeByUser(path: string): boolean {
  const uid = process.getuid?.();
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (uid === undefined || file === undefined) return uid === undefined;
  return file.uid === uid || (uid === 0 && file.uid === statSync(dirname(path)).uid);
}

/** Takes the rights of others from a file of this user, unless they may exchange it meanwhile for a link to another one. */
export function makePrivate(path: string): void {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (!file?.isFile() || file.uid !== process.getuid?.() || (file.mode & 0o077) === 0) return;
  if (isExchangeable(statSync(dirname(path)))) return;
  try {
    chmodSync(path, 0o600);
  } catch {
    // Its file system has no modes.
  }
}

function notOwn(folder: string): Error {
  return new Error(`${folder} belongs to another user, or others may write to it`);
}
