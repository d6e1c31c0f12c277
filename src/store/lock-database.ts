/** One serving process a database: a lock of the operating system, which dies with the process (dispatch.md, ownership). */
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import Database from "better-sqlite3";
import { WhcbError } from "../domain/errors.js";
import { sqliteCode } from "./sqlite/sqlite-error.js";

export interface DatabaseLock {
  release(): Promise<void>;
}

/**
 * Takes the lock on `path` (":memory:" needs none) by an open exclusive transaction on a side file that is never written.
 * Throws `config` where another process has it, or where the side file can't be made.
 */
export async function lockDatabase(path: string): Promise<DatabaseLock> {
  if (path === ":memory:") return { async release() {} };
  let side: Database.Database | undefined;
  try {
    side = new Database(lockPath(path), { timeout: 0 });
    side.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    side?.close();
    throw refusal(error, path);
  }
  const held = side;
  return { release: async () => void held.close() };
}

/** The same for every way of naming the file: links are followed. */
function lockPath(path: string): string {
  const full = resolve(path);
  if (existsSync(full)) return `${realpathSync(full)}-serve.lock`;
  const folder = dirname(full);
  return join(existsSync(folder) ? realpathSync(folder) : folder, `${basename(full)}-serve.lock`);
}

function refusal(error: unknown, path: string): WhcbError {
  if (sqliteCode(error) === "BUSY" || sqliteCode(error) === "LOCKED") {
    return new WhcbError("config", `${path} is already served by another process`, {
      hint: "Stop that `whcb serve`, or give this one another --db.",
      cause: error,
    });
  }
  return new WhcbError("config", `${path} can't be locked for serving`, {
    hint: "Check that its folder exists and may be written.",
    cause: error,
  });
}
