/** A SQLite file as the store wants it: durable, shared by two processes, brought to the latest shape. */
import { existsSync, statSync } from "node:fs";
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

function checkPlace(path: string, mustExist: boolean): void {
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) {
    throw new WhcbError("config", `The folder ${folder} doesn't exist`, { hint: "Create it, or name another database file." });
  }
  if (!existsSync(path)) {
    if (mustExist)
      throw new WhcbError("config", `There is no database ${path}`, {
        hint: "Check the path, or start `whcb serve` on it once.",
      });
  } else if (statSync(path).isDirectory()) {
    throw new WhcbError("config", `${path} is a folder, not a database file`, { hint: "Name a file in it." });
  }
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
