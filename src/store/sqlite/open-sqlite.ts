/** Opens a SQLite file as the store needs it: durable, shared by two processes, migrated to the latest version. */
import { accessSync, closeSync, constants, existsSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type Database from "better-sqlite3";
import { Kysely } from "kysely";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import type { Db, Schema } from "../schema.js";
import { migrate } from "./migrations.js";
import { openDatabase } from "./open-database.js";
import { sqliteDialect } from "./sqlite-dialect.js";
import { sqliteCode, translateSqliteError } from "./sqlite-error.js";

export interface SqliteOptions {
  /** A file's path, or ":memory:". */
  readonly path: string;
  /** Fail if there is no file instead of creating one. */
  readonly mustExist: boolean;
  readonly clock: Clock;
}

/** Throws `config` for a file that can't be used, `unavailable` for what may pass (busy, full). */
export function openSqlite({ path, mustExist, clock }: SqliteOptions): Db {
  if (path !== ":memory:") checkPath(path, mustExist);
  let database: Database.Database | undefined;
  try {
    database = connect(path);
    migrate(database, path);
    return new Kysely<Schema>({ dialect: sqliteDialect(database, clock) });
  } catch (error) {
    database?.close();
    throw openError(error, path);
  }
}

/** How long opening waits for another process's transaction; sqlite-dialect.ts says how long later ones wait. */
const BUSY_TIMEOUT_MS = 5_000;
/** Pages (4 KiB) of the write-ahead log before it is copied into the file. */
const CHECKPOINT_PAGES = 4_000;
/** Negative: in KiB. The hot pages are the ends of the indexes; a larger cache fills up with a backlog and drains it no faster. */
const CACHE_SIZE = -16_384;

/** Throws SQLite's own errors. */
export function connect(path: string): Database.Database {
  if (path !== ":memory:") createPrivate(path);
  const database = openDatabase(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.pragma(`cache_size = ${CACHE_SIZE}`);
    // SQLite's lower() and upper() know only ASCII; a filter must mean the same in SQL and in domain/call-filter.ts.
    database.function("lower_case", { deterministic: true }, (text) => (typeof text === "string" ? text.toLowerCase() : null));
    database.function("upper_case", { deterministic: true }, (text) => (typeof text === "string" ? text.toUpperCase() : null));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Only the owner may read a new database: it contains people's messages. SQLite gives the files beside it the same mode. */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It exists, or SQLite will say why it can't be created.
  }
}

/** Finds what SQLite would report as "unable to open", or notice only at the first write. */
function checkPath(path: string, mustExist: boolean): void {
  if (path === "") throw pathError("The database's path is empty", "Name a file.");
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) throw pathError(`The folder ${folder} doesn't exist`, "Create it, or name another database file.");
  if (!existsSync(path)) {
    if (mustExist) throw pathError(`There is no database ${path}`, "Check the path, or start `whcb serve` on it once.");
    if (!isWritable(folder))
      throw pathError(`The folder ${folder} isn't writable`, "Make it writable, or name another database file.");
    return;
  }
  if (statSync(path).isDirectory()) throw pathError(`${path} is a folder, not a database file`, "Name a file in it.");
  // The write-ahead log is a file beside the database.
  if (isWritable(path) && isWritable(folder)) return;
  throw pathError(
    `${path} can't be read and written`,
    "Make the file and its folder writable for this user, or name another file.",
  );
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function pathError(message: string, hint: string): WhcbError {
  return new WhcbError("config", message, { hint });
}

/** These pass by themselves and stay `unavailable`; for the rest the user has to do something about the file. */
const TRANSIENT: ReadonlySet<string | null> = new Set(["BUSY", "LOCKED", "FULL", "IOERR"]);

function openError(error: unknown, path: string): unknown {
  const translated = translateSqliteError(error);
  if (!isWhcbError(translated, "unavailable")) return translated;
  const code = TRANSIENT.has(sqliteCode(error)) ? "unavailable" : "config";
  const hint = translated.hint === undefined ? {} : { hint: translated.hint };
  return new WhcbError(code, `${path}: ${translated.message}`, { ...hint, cause: error });
}
