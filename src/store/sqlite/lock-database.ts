/** One process serves a file: an OS lock (docs/dispatcher.md, Ownership). */
import { chmodSync, existsSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type Database from "better-sqlite3";
import { errorMessage, isWhcbError, WhcbError } from "../../domain/errors.js";
import { createPrivate, openDatabase } from "./open-database.js";
import { sqliteCode } from "./sqlite-error.js";

export interface DatabaseLock {
  release(): Promise<void>;
}

/** An open exclusive transaction on a side file; none for ":memory:". Throws `config` if locked, or if the side file can't be created. */
export async function lockDatabase(path: string): Promise<DatabaseLock> {
  if (path === ":memory:") return { async release() {} };
  try {
    return openLocked(lockPath(path));
  } catch (error) {
    throw lockError(error, path);
  }
}

/** null if taken; throws `unavailable` if the file can't be locked. */
export async function lockFile(path: string): Promise<DatabaseLock | null> {
  try {
    return openLocked(path);
  } catch (error) {
    if (isWhcbError(error)) throw error;
    if (isBusy(error)) return null;
    throw new WhcbError("unavailable", `${path} can't be locked: ${errorMessage(error)}`, {
      hint: "Keep the data folder on a local disk: another run could send the same calls.",
      cause: error,
    });
  }
}

function openLocked(path: string): DatabaseLock {
  let sideFile: Database.Database | undefined;
  try {
    keepPrivate(path);
    sideFile = openDatabase(path, { timeout: 0 });
    sideFile.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    sideFile?.close();
    throw error;
  }
  const locked = sideFile;
  return { release: async () => void locked.close() };
}

/** Who may read it may lock it, and version 0.1.0 created it for everyone. Another user may have made a link to a file of this user. */
function keepPrivate(path: string): void {
  createPrivate(path);
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  if (!file.isFile() || file.nlink > 1) {
    throw new WhcbError("config", `${path} is a link, or not a file`, { hint: "Remove it: whcb creates it." });
  }
  if (file.uid !== process.getuid?.() || (file.mode & 0o077) === 0) return;
  try {
    chmodSync(path, 0o600);
  } catch {
    // Its file system has no modes.
  }
}

function isBusy(error: unknown): boolean {
  return sqliteCode(error) === "BUSY" || sqliteCode(error) === "LOCKED";
}

/** Follows links: one lock per file. */
function lockPath(path: string): string {
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
