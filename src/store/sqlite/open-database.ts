import { closeSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import { errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";

/** Throws SQLite's errors, and `config` if its native module can't be loaded. */
export function openDatabase(path: string, options: Database.Options): Database.Database {
  try {
    return new Database(path, options);
  } catch (error) {
    throw moduleError(error) ?? error;
  }
}

/** For its owner only. SQLite gives its side files the same mode. */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It exists, or SQLite reports why not.
  }
}

/** The binary, loaded by the first `new Database`, fits one Node version. */
function moduleError(error: unknown): WhcbError | null {
  const message = errorMessage(error);
  const isMissing = message.startsWith("Could not locate the bindings file");
  if (!isMissing && systemErrorCode(error) !== "ERR_DLOPEN_FAILED") return null;
  const reason = isMissing
    ? "was not built when it was installed"
    : /NODE_MODULE_VERSION/.test(message)
      ? `was built for another version of Node (this is ${process.version})`
      : `can't be loaded: ${message.split("\n")[0]}`;
  const folder = /([^'\s]*)[/\\]node_modules[/\\]better-sqlite3/.exec(message)?.[1];
  return new WhcbError("config", `better-sqlite3, the native module for SQLite, ${reason}`, {
    hint: `rebuild it: ${folder === undefined ? "" : `cd ${folder} && `}npm rebuild better-sqlite3`,
    cause: error,
  });
}
