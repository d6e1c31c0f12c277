/** A SQLite file as the store wants it: durable, shared by two processes, brought to the latest shape. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Database } from "better-sqlite3";
import { Kysely } from "kysely";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import type { Db, Schema } from "../schema.js";
import { connect } from "./connect.js";
import { migrate } from "./migrate.js";
import { sqliteDialect } from "./sqlite-dialect.js";
import { sqliteCode, translateSqliteError } from "./sqlite-error.js";

export interface SqliteOptions {
  /** A file's path, or ":memory:". */
  readonly path: string;
  /** Refuse to make a new database where there is no file. */
  readonly mustExist: boolean;
}

/** Throws `config` for a file that can't be used, `unavailable` for what may pass (busy, full). */
export function openSqlite({ path, mustExist }: SqliteOptions): Db {
  if (path !== ":memory:") checkPlace(path, mustExist);
  let database: Database | undefined;
  try {
    database = connect(path);
    migrate(database, path);
    return new Kysely<Schema>({ dialect: sqliteDialect(database) });
  } catch (error) {
    database?.close();
    throw whyNotOpened(error, path);
  }
}

/** Says what SQLite would only call "unable to open", or not notice before the first write. */
function checkPlace(path: string, mustExist: boolean): void {
  if (path === "") throw refusal("The database's path is empty", "Name a file.");
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) throw refusal(`The folder ${folder} doesn't exist`, "Create it, or name another database file.");
  if (!existsSync(path)) {
    if (mustExist) throw refusal(`There is no database ${path}`, "Check the path, or start `whcb serve` on it once.");
    if (!mayWrite(folder))
      throw refusal(`The folder ${folder} can't be written`, "Make it writable, or name another database file.");
    return;
  }
  if (statSync(path).isDirectory()) throw refusal(`${path} is a folder, not a database file`, "Name a file in it.");
  // The write-ahead log is a file beside the database.
  if (mayWrite(path) && mayWrite(folder)) return;
  throw refusal(
    `${path} can't be read and written`,
    "Make the file and its folder writable for this user, or name another file.",
  );
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function refusal(message: string, hint: string): WhcbError {
  return new WhcbError("config", message, { hint });
}

/** What passes by itself stays `unavailable`; a file that can't be used is for its owner to settle. */
const PASSING: ReadonlySet<string | null> = new Set(["BUSY", "LOCKED", "FULL", "IOERR"]);

function whyNotOpened(error: unknown, path: string): unknown {
  const translated = translateSqliteError(error);
  if (!isWhcbError(translated, "unavailable")) return translated;
  const code = PASSING.has(sqliteCode(error)) ? "unavailable" : "config";
  const hint = translated.hint === undefined ? {} : { hint: translated.hint };
  return new WhcbError(code, `${path}: ${translated.message}`, { ...hint, cause: error });
}
