import { accessSync, constants, existsSync, lstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type Database from "better-sqlite3";
import { Kysely } from "kysely";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import type { Migrated } from "../../domain/maintenance.js";
import type { Clock } from "../../platform/clock.js";
import { requireNoStrangers, requireNoStrangersBeside, SIDE_FILES, writersOf } from "../../platform/files/is-own.js";
import { removeIfAllowed } from "../../platform/files/remove-locked.js";
import type { Db, Schema } from "../schema.js";
import { lockBeside } from "./lock-database.js";
import { LATEST_VERSION } from "./migration-steps.js";
import { migrate, requireCurrent, versionOf } from "./migrations.js";
import { createPrivate, isSharedDatabase, openDatabase } from "./open-database.js";
import { sqliteDialect } from "./sqlite-dialect.js";
import { isBusy, sqliteCode, translateSqliteError } from "./sqlite-error.js";

export interface SqliteOptions {
  /** `path` is a file's path, or ":memory:". */
  readonly path: string;
  readonly mustExist: boolean;
  readonly clock: Clock;
}

/**
 * Opens a file and migrates it. Throws `config` for an unusable file, one of an older version that must exist and is served, or an
 * empty one that must exist, and `unavailable` for what may pass (busy, full).
 */
export async function openSqlite({ path, mustExist, clock }: SqliteOptions): Promise<Db> {
  // `serve` has the lock, and creates what doesn't exist.
  if (mustExist && isOlder(path)) await migrateSqliteAt(path);
  else if (path !== ":memory:") checkPath(path, mustExist);
  let database: Database.Database | undefined;
  try {
    database = connect(path);
    migrate(database, path);
    const db = new Kysely<Schema>({ dialect: sqliteDialect(database, clock) });
    // Kysely closes only a connection that was used.
    await db.connection().execute(async () => undefined);
    return db;
  } catch (error) {
    database?.close();
    throw openError(error, path);
  }
}

/**
 * Tells which file it is, wherever it was moved. Returns null for a database in memory, and where the file system keeps no birth times, as the
 * next file often gets the number of a removed one.
 */
export function placeOfFile(path: string): string | null {
  if (path === ":memory:") return null;
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return birthtimeNs === 0n ? null : `${ino} ${birthtimeNs}`;
}

function isOlder(path: string): boolean {
  const { database, version } = openToRead(path);
  database.close();
  return version < LATEST_VERSION;
}

/** Opens an existing database to read, without migrating it. Throws as `openSqlite` does, and `config` without data of whcb. */
export function openToRead(path: string): { readonly database: Database.Database; readonly version: number } {
  checkPath(path, true);
  let database: Database.Database | undefined;
  try {
    // SQLite's own read-only mode would leave the side files of the write-ahead log.
    database = openDatabase(path, { timeout: BUSY_TIMEOUT_MS, fileMustExist: true });
    database.pragma("query_only = ON");
    const version = versionOf(database, path);
    if (version === 0) throw pathError(`${path} has no data of whcb`, EMPTY_HINT);
    return { database, version };
  } catch (error) {
    database?.close();
    throw openError(error, path);
  }
}

const EMPTY_HINT = "Check the path. `whcb db backup` copies a database that is in use.";

/** Throws as `openSqlite` does, and `config` while a `serve` of another version uses the file. */
export async function migrateSqliteAt(path: string): Promise<Migrated> {
  const { database: reader, version } = openToRead(path);
  reader.close();
  if (version === LATEST_VERSION) return { from: version, to: version };
  const lock = await lockDatabase(path);
  let database: Database.Database | undefined;
  try {
    database = connect(path);
    return { from: migrate(database, path), to: LATEST_VERSION };
  } catch (error) {
    throw openError(error, path);
  } finally {
    database?.close();
    await lock.release();
  }
}

/**
 * Keeps out every other `serve`, and what can't run beside one. Creates the database unless it must exist. This process must have no other
 * connection to it yet. Throws as openSqlite, and `config` if another process has the lock, or may have it.
 */
export async function lockDatabase(path: string, { mustExist = false } = {}): Promise<{ release(): Promise<void> }> {
  if (path === ":memory:") return { async release() {} };
  const lock = lockBeside(path);
  const isNew = !existsSync(path);
  let database: Database.Database | undefined;
  try {
    checkPath(path, mustExist);
    database = connect(path);
    claimLock(database, lock.inode, path);
  } catch (error) {
    database?.close();
    if (isNew) for (const end of ["", ...SIDE_FILES]) removeIfAllowed(`${path}${end}`);
    await lock.release();
    throw openError(error, path);
  }
  return {
    async release() {
      database?.close();
      await lock.release();
    },
  };
}

/** Commands that end in a moment are waited for so long, and new ones wait meanwhile. */
const ALONE_TIMEOUT_MS = 1_000;

/**
 * A removed lock file stays locked, but the next process would lock a new one. So the database records which file was locked, and another
 * one is recorded only while no other process has the database open. The connection must stay open as long as the lock.
 */
function claimLock(database: Database.Database, inode: bigint, path: string): void {
  // SQLite's own header has room for 32 bits.
  const mark = Number(BigInt.asIntN(32, inode));
  if (database.pragma("user_version", { simple: true }) === mark) return;
  try {
    database.pragma(`busy_timeout = ${ALONE_TIMEOUT_MS}`);
    database.pragma("locking_mode = EXCLUSIVE");
    database.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${mark}; COMMIT; PRAGMA locking_mode = NORMAL`);
    // The exclusive lock ends with the next read.
    versionOf(database, path);
  } catch (error) {
    if (!isBusy(error)) throw error;
    throw new WhcbError("config", `${path} is used by another process, and its lock file is another one than before`, {
      hint: "End all processes that use it. While one serves it, its lock file must not be removed.",
      cause: error,
    });
  }
}

/** Opens a database for queries of this version. Throws as `openToRead` does, and `config` for another version's. */
export function openSqliteReader(path: string, clock: Clock): Db {
  const { database, version } = openToRead(path);
  try {
    requireCurrent(version, path);
    return new Kysely<Schema>({ dialect: sqliteDialect(database, clock) });
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opening waits so long; for later transactions see sqlite-dialect.ts. */
const BUSY_TIMEOUT_MS = 5_000;
/** The write-ahead log is written back after so many pages of 4 KiB. */
const CHECKPOINT_PAGES = 4_000;
/** A negative number means KiB. A larger cache drains a backlog no faster. */
const CACHE_SIZE = -16_384;

/** Throws SQLite's errors, and `config` for another program's database, which isn't changed. */
export function connect(path: string): Database.Database {
  if (path !== ":memory:") {
    createPrivate(path);
    checkPath(path, false);
  }
  const database = openDatabase(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    versionOf(database, path);
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.pragma(`cache_size = ${CACHE_SIZE}`);
    // SQLite's lower() knows only ASCII. This must match domain/call-filter.ts.
    database.function("lower_case", { deterministic: true }, (text) => (typeof text === "string" ? text.toLowerCase() : null));
    database.function("only_digits", { deterministic: true }, (text) =>
      typeof text === "string" ? text.replace(/[^0-9]/g, "") : null,
    );
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Checks what SQLite reports unclearly, or only at the first write. */
function checkPath(path: string, mustExist: boolean): void {
  if (path === "") throw pathError("The database's path is empty", "Name a file.");
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) throw pathError(`The folder ${folder} doesn't exist`, "Create it, or name another database file.");
  const isShared = isSharedDatabase(path);
  requireNoStrangersBeside(path, isShared);
  if (!existsSync(path)) {
    if (mustExist) throw pathError(`There is no database ${path}`, "Check the path, or start `whcb serve` on it once.");
    if (!isWritable(folder))
      throw pathError(`The folder ${folder} isn't writable`, "Make it writable, or name another database file.");
    return;
  }
  const file = statSync(path);
  if (file.isDirectory()) throw pathError(`${path} is a folder, not a database file`, "Name a file in it.");
  if (file.nlink > 1) {
    throw pathError(
      `${path} has ${file.nlink} names (hard links), each with a lock and a write-ahead log of its own, which would damage it`,
      `Stop what uses it. Then delete the other names (\`find\` with -samefile finds them), or serve a copy of the file.`,
    );
  }
  // The write-ahead log is written in the folder.
  if (!isWritable(path) || !isWritable(folder))
    throw pathError(
      `${path} can't be read and written`,
      "Make the file and its folder writable for this user, or name another file.",
    );
  makeSideFiles(path, file, isShared);
}

/**
 * SQLite opens what has these names later, and a stranger could put a file of his there meanwhile. A sticky folder keeps ours. A file that
 * exists isn't opened, as closing it would end this process's locks on it.
 */
function makeSideFiles(path: string, { uid }: Stats, isShared: boolean): void {
  const target = realpathSync(path);
  if (uid !== process.getuid?.() || (statSync(dirname(target)).mode & writersOf(isShared)) === 0) return;
  for (const file of SIDE_FILES.map((end) => `${target}${end}`)) {
    createPrivate(file);
    const made = lstatSync(file, { throwIfNoEntry: false });
    if (made === undefined)
      throw new WhcbError("unavailable", `${file} was removed while it was looked at`, { hint: "Try again." });
    requireNoStrangers(file, { isShared, opened: made });
  }
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

/** These pass by themselves: `unavailable`. */
const TRANSIENT: ReadonlySet<string | null> = new Set(["BUSY", "LOCKED", "FULL", "IOERR"]);

function openError(error: unknown, path: string): unknown {
  const translated = translateSqliteError(error);
  if (!isWhcbError(translated, "unavailable")) return translated;
  const code = TRANSIENT.has(sqliteCode(error)) ? "unavailable" : "config";
  const hint = translated.hint === undefined ? {} : { hint: translated.hint };
  return new WhcbError(code, `${path}: ${translated.message}`, { ...hint, cause: error });
}
