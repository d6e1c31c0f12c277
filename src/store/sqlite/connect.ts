/** A connection to a SQLite file as the store wants it: durable, beside another process, with the product's idea of case. */
import { closeSync, openSync } from "node:fs";
import Database from "better-sqlite3";

/** How long the opening waits for another process's transaction; see sqlite-dialect.ts for later ones. */
const BUSY_TIMEOUT_MS = 5_000;
/** Pages (4 KiB) of the write-ahead log after which it is carried over into the file. */
const CHECKPOINT_PAGES = 4_000;
/** Negative: in KiB. What is hot are the ends of the indexes; a larger cache only fills up with a backlog, for no faster drain. */
const CACHE_SIZE = -16_384;

/** Throws SQLite's own errors. */
export function connect(path: string): Database.Database {
  if (path !== ":memory:") makePrivate(path);
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.pragma(`cache_size = ${CACHE_SIZE}`);
    // SQLite's own lower() and upper() know ASCII only; a filter means the same on both sides of the wire.
    database.function("lower_case", { deterministic: true }, (text) => (typeof text === "string" ? text.toLowerCase() : null));
    database.function("upper_case", { deterministic: true }, (text) => (typeof text === "string" ? text.toUpperCase() : null));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A new database is its owner's alone: it holds people's messages. SQLite gives the files beside it the same mode. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It is there already, or SQLite will say why it can't be made.
  }
}
