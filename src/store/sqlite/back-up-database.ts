import { randomBytes } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type Database from "better-sqlite3";
import { errorMessage, isWhcbError, systemErrorCode, WhcbError } from "../../domain/errors.js";
import type { BackupTarget } from "../../domain/maintenance.js";
import { flushFolder } from "../../platform/files/durable-folders.js";
import { isSame, watchOpened } from "../../platform/files/open-file.js";
import { openToRead } from "./open-sqlite.js";
import { sqliteCode, translateSqliteError } from "./sqlite-error.js";

/**
 * Copies the committed state of one instant, also while other processes write. The file gets its name only once it is whole and
 * on disk. Throws `usage` for a file that exists, and `unavailable` if it can't be written; then nothing is left.
 */
export async function backUpDatabase(path: string, { file, overwrite, onProgress }: BackupTarget) {
  const { database, version } = openToRead(path);
  try {
    requireFreeName(file, path, overwrite);
    const draft = `${file}.${randomBytes(6).toString("hex")}.partial`;
    try {
      // Only its owner may read it, as it contains people's messages.
      const descriptor = openSync(draft, "wx", 0o600);
      try {
        const created = fstatSync(descriptor, { bigint: true });
        await copyPages(database, { name: draft, created }, onProgress);
        fsyncSync(descriptor);
        if (!isSame(created, lstatSync(draft, { bigint: true }))) throw exchanged(draft);
      } finally {
        closeSync(descriptor);
      }
      requireFreeName(file, path, overwrite);
      renameSync(draft, file);
      await flushFolder(dirname(file));
    } finally {
      for (const name of [draft, `${draft}-journal`]) rmSync(name, { force: true });
    }
    return { version, bytes: statSync(file).size };
  } catch (error) {
    throw isWhcbError(error) ? error : writeError(error, file);
  } finally {
    database.close();
  }
}

/** Who may write to the folder has put another file there. */
function exchanged(draft: string): WhcbError {
  return new WhcbError("unavailable", `another user has exchanged ${draft} while the backup was being written`, {
    hint: "Write the backup to a folder that is closed to others.",
  });
}

/** So many pages are 4 MiB. */
const PAGES_AT_ONCE = 1_000;

/**
 * SQLite's online backup begins again whenever another process has written, so it would never end beside a busy service. A read transaction
 * on its connection keeps one state. (VACUUM INTO has one too, but blocks this process until it is done: no progress, no Ctrl-C.)
 */
async function copyPages(
  database: Database.Database,
  draft: { readonly name: string; readonly created: BigIntStats },
  onProgress: BackupTarget["onProgress"],
): Promise<void> {
  database.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
  const openedSince = watchOpened();
  await database.backup(draft.name, {
    progress({ totalPages, remainingPages }) {
      const done = totalPages - remainingPages;
      // SQLite opens the draft by its name, and has written no page yet at the first call.
      if (done === 0 && isForeign(openedSince(), draft.created)) throw exchanged(draft.name);
      onProgress(done, totalPages);
      return PAGES_AT_ONCE;
    },
  });
}

/** The draft and its journal, which gets the draft's owner and mode, are all that may be opened. */
function isForeign(opened: readonly BigIntStats[] | null, draft: BigIntStats): boolean {
  if (opened === null) return false;
  const isPrivate = opened.every(({ uid, mode }) => uid === draft.uid && mode === draft.mode);
  return !isPrivate || !opened.some((file) => isSame(file, draft));
}

const SIDE_FILES = [".key", "-wal", "-shm", "-journal", "-serve.lock"];

function requireFreeName(file: string, path: string, overwrite: boolean): void {
  const folder = dirname(file);
  const exists = existsSync(file);
  const place = exists ? realpathSync(file) : join(existsSync(folder) ? realpathSync(folder) : folder, basename(file));
  const database = realpathSync(path);
  if (place === database) throw new WhcbError("usage", `${file} is the database itself`);
  if (SIDE_FILES.some((end) => place === database + end)) {
    throw new WhcbError("usage", `${file} is a file of the database itself`, { hint: "name another file" });
  }
  if (!exists) return;
  if (statSync(file).isDirectory()) throw new WhcbError("usage", `${file} is a folder`, { hint: "name a file in it" });
  if (!overwrite) throw new WhcbError("usage", `${file} exists`, { hint: "name another file, or add --force to replace it" });
  if (!isEmptyOrSqlite(file)) {
    const hint = "name another file, or move that one away: --force replaces only a database";
    throw new WhcbError("usage", `${file} isn't a SQLite database`, { hint });
  }
  // An empty journal is nothing to apply.
  const side = [`${file}-wal`, `${file}-journal`].find(
    (path) => existsSync(path) && (path.endsWith("-wal") || statSync(path).size > 0),
  );
  if (side === undefined) return;
  throw new WhcbError("usage", `${file} is a database in use, or one that wasn't closed: there is ${side}`, {
    hint: "name another file: SQLite would apply that one to the backup",
  });
}

/** `mktemp` creates an empty file. */
function isEmptyOrSqlite(file: string): boolean {
  const beginning = Buffer.alloc(16);
  const descriptor = openSync(file, "r");
  try {
    const length = readSync(descriptor, beginning);
    return length === 0 || beginning.toString("latin1") === "SQLite format 3\0";
  } finally {
    closeSync(descriptor);
  }
}

function writeError(error: unknown, file: string): unknown {
  const translated = translateSqliteError(error);
  if (translated === error && systemErrorCode(error) === "") return error;
  const isFull = sqliteCode(error) === "FULL" || systemErrorCode(error) === "ENOSPC";
  const reason = isFull ? "its disk is full" : errorMessage(translated);
  return new WhcbError("unavailable", `the backup ${file} can't be written: ${reason}`, { cause: error });
}
