/** SQLite's refusals in the product's words. Nothing else of the store looks at SQLite's codes. */
import { WhcbError } from "../../domain/errors.js";

interface Saying {
  readonly message: string;
  readonly hint: string;
}

/** By primary result code. What isn't here is a bug and passes through as it is. */
const SAYINGS: Readonly<Record<string, Saying>> = {
  FULL: { message: "The disk of the database is full", hint: "Free some space on it; the service goes on by itself." },
  READONLY: { message: "The database can't be written: it is read-only", hint: "Make the file and its folder writable." },
  BUSY: { message: "The database is busy with another process", hint: "Try again, or end the process that keeps it locked." },
  LOCKED: { message: "The database is locked", hint: "Try again, or end the process that keeps it locked." },
  CORRUPT: { message: "The database is corrupt", hint: "Stop the service and restore the file from a backup." },
  NOTADB: { message: "The file is not a database", hint: "Name another file, or restore it from a backup." },
  IOERR: { message: "The disk of the database fails to read or write", hint: "Check the disk and the file's folder." },
  CANTOPEN: {
    message: "The database can't be opened",
    hint: "Check that the folder exists and that the file may be read and written.",
  },
  PERM: { message: "The database can't be opened: no permission", hint: "Check the owner and the mode of the file." },
  AUTH: { message: "The database can't be opened: no permission", hint: "Check the owner and the mode of the file." },
};

/** The primary result code, without SQLITE_ and without the extension: "BUSY" for SQLITE_BUSY_SNAPSHOT. Null for what isn't SQLite's. */
export function sqliteCode(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  return /^SQLITE_([A-Z]+)/.exec(error.code)?.[1] ?? null;
}

/** `unavailable` with the cause kept, for what may pass; anything else as it is. */
export function translateSqliteError(error: unknown): unknown {
  const saying = SAYINGS[sqliteCode(error) ?? ""];
  return saying === undefined ? error : new WhcbError("unavailable", saying.message, { hint: saying.hint, cause: error });
}
