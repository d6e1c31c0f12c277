/** The locks are those of the operating system, on side files (docs/dispatcher.md, Ownership). They end with their process. */
import { existsSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type Database from "better-sqlite3";
import { errorMessage, isWhcbError, WhcbError } from "../../domain/errors.js";
import { makePrivate, requireNoStrangersBeside } from "../../platform/files/is-own.js";
import { touch } from "../../platform/files/open-file.js";
import { createPrivate, isSharedDatabase, openDatabase } from "./open-database.js";
import { isBusy } from "./sqlite-error.js";

export interface FileLock {
  /** The locked file, which may be removed meanwhile, has this inode. */
  readonly inode: bigint;
  release(): Promise<void>;
}

/** Throws `config` if another process has the database's lock file locked, or if that file can't be created. */
export function lockBeside(path: string): FileLock {
  try {
    const isShared = isSharedDatabase(path);
    // The lock is beside what a link leads to.
    requireNoStrangersBeside(path, isShared);
    return openLocked(lockPath(path), { isShared });
  } catch (error) {
    throw lockError(error, path);
  }
}

/** Resolves to null if it is taken. With `isTouched`, the file is touched before. Throws `unavailable` if the file can't be locked. */
export async function lockFile(path: string, { isTouched = false } = {}): Promise<FileLock | null> {
  try {
    return openLocked(path, { isTouched });
  } catch (error) {
    if (isWhcbError(error)) throw error;
    if (isBusy(error)) return null;
    throw new WhcbError("unavailable", `${path} can't be locked: ${errorMessage(error)}`, {
      hint: "Keep the data folder on a local disk: another run could send the same calls.",
      cause: error,
    });
  }
}

/** Returns whether another process has the file locked. It keeps out nobody who looks at the same time. Throws SQLite's errors. */
export async function isLocked(path: string, isShared = false): Promise<boolean> {
  if (!existsSync(path)) return false;
  try {
    await openLocked(path, { isShared, begin: "BEGIN; SELECT 1 FROM sqlite_schema", timeout: 0 }).release();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  }
}

/** Returns whether a process serves the database, or may serve it. */
export async function isLockedBeside(path: string): Promise<boolean> {
  return isLocked(lockPath(path), isSharedDatabase(path)).catch(() => true);
}

/** A process that only looks whether the file is locked waits so long. */
const LOOK_WAIT_MS = 50;

/** Locks the file by an open transaction, which is exclusive by default. Throws `config` for what a stranger may have made. */
function openLocked(
  path: string,
  { isShared = false, begin = "BEGIN EXCLUSIVE", timeout = LOOK_WAIT_MS, isTouched = false } = {},
): FileLock {
  requireNoStrangersBeside(path, isShared);
  for (;;) {
    const inode = keepPrivate(path);
    if (isTouched) touch(path);
    let file: Database.Database | undefined;
    try {
      file = openDatabase(path, { timeout });
      file.exec(begin);
    } catch (error) {
      file?.close();
      throw error;
    }
    const locked = file;
    if (inode !== null && inode === inodeOf(path)) return { inode, release: async () => void locked.close() };
    // The file was removed meanwhile, so the next process would lock another one.
    locked.close();
  }
}

/** Who may read it may lock it, and version 0.1.0 created it for everyone. Another user may have made a link to a file of this user. */
function keepPrivate(path: string): bigint | null {
  createPrivate(path);
  const file = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  if (file === undefined) return null;
  if (!file.isFile() || file.nlink > 1n) {
    throw new WhcbError("config", `${path} is a link, or not a file`, { hint: "Remove it: whcb creates it." });
  }
  makePrivate(path);
  return file.ino;
}

function inodeOf(path: string): bigint | undefined {
  return lstatSync(path, { throwIfNoEntry: false, bigint: true })?.ino;
}

/** Follows links, so that a file has one lock. */
export function lockPath(path: string): string {
  const full = resolve(path);
  if (existsSync(full)) return `${realpathSync(full)}-serve.lock`;
  const folder = dirname(full);
  return join(existsSync(folder) ? realpathSync(folder) : folder, `${basename(full)}-serve.lock`);
}

function lockError(error: unknown, path: string): WhcbError {
  if (isWhcbError(error)) return error;
  if (isBusy(error)) {
    return new WhcbError("config", `${path} is already served by another process`, {
      hint: "Stop that `whcb serve`, or name another database with --db.",
      cause: error,
    });
  }
  return new WhcbError("config", `${path} can't be locked for serving`, {
    hint: "Check that its folder exists and is writable.",
    cause: error,
  });
}
