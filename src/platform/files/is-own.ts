import { lstatSync, realpathSync, type Stats } from "node:fs";
import { dirname } from "node:path";

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
    const { uid, mode } = lstatSync(at);
    const isWritable = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
    if (isWritable || (uid !== 0 && uid !== process.getuid())) throw notOwn(at);
  }
  return path;
}

function notOwn(folder: string): Error {
  return new Error(`${folder} belongs to another user, or others may write to it`);
}
