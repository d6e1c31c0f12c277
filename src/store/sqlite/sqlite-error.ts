/** Other files read error codes only by `sqliteCode`. */
import { WhcbError } from "../../domain/errors.js";

interface Explanation {
  readonly message: string;
  readonly hint: string;
}

/** `EXPLANATIONS` are primary result codes. Any other error is a bug. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  FULL: { message: "The database's disk is full", hint: "Free some space on it; the service then continues by itself." },
  READONLY: { message: "The database is read-only", hint: "Make the file and its folder writable." },
  BUSY: { message: "The database is locked by another process", hint: "Try again, or end the process that holds the lock." },
  LOCKED: { message: "The database is locked", hint: "Try again, or end the process that holds the lock." },
  CORRUPT: { message: "The database is corrupt", hint: "Stop the service and restore the file from a backup." },
  NOTADB: { message: "The file is not a database", hint: "Name another file, or restore it from a backup." },
  IOERR: { message: "The database's disk can't be read or written", hint: "Check the disk and the file's folder." },
  CANTOPEN: {
    message: "The database can't be opened",
    hint: "Check that its folder exists and that the file is readable and writable.",
  },
  PERM: { message: "The database can't be opened: no permission", hint: "Check the file's owner and permissions." },
  AUTH: { message: "The database can't be opened: no permission", hint: "Check the file's owner and permissions." },
};

/** Returns "BUSY" for SQLITE_BUSY_SNAPSHOT, and null for other errors. */
export function sqliteCode(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  return /^SQLITE_([A-Z]+)/.exec(error.code)?.[1] ?? null;
}

/** The error may be translated or not. */
export function isBusy(error: unknown): boolean {
  const cause = error instanceof WhcbError ? error.cause : error;
  return ["BUSY", "LOCKED"].includes(sqliteCode(cause) ?? "");
}

/** Errors without an explanation pass unchanged. */
export function translateSqliteError(error: unknown): unknown {
  const explanation = EXPLANATIONS[sqliteCode(error) ?? ""];
  if (explanation === undefined) return error;
  return new WhcbError("unavailable", explanation.message, { hint: explanation.hint, cause: error });
}
