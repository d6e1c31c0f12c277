/** Brings a database forward to the latest shape: from nothing, or from any older one. */
import type { Database } from "better-sqlite3";
import { WhcbError } from "../../domain/errors.js";
import { MIGRATIONS, type Migration } from "./migrations.js";

/**
 * One transaction for all steps. A database that is up to date isn't written, so that it can be opened beside a busy one.
 * Throws `config` for a database that is newer than this version knows, or another program's.
 */
export function migrate(database: Database, path: string, migrations: readonly Migration[] = MIGRATIONS): void {
  const latest = migrations.at(-1)?.version ?? 0;
  if (versionOf(database, path) === latest) return;
  database
    .transaction(() => {
      // Asked again under the write lock: another process may have done it meanwhile.
      const version = versionOf(database, path);
      if (version > latest) throw tooNew(path, version, latest);
      database.exec("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)");
      const record = database.prepare("INSERT INTO migrations (version, name) VALUES (?, ?)");
      for (const step of migrations.filter((each) => each.version > version)) {
        database.exec(step.sql);
        record.run(step.version, step.name);
      }
    })
    .immediate();
}

/** 0 for an empty database. */
function versionOf(database: Database, path: string): number {
  const tables = database.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (tables.some(({ name }) => name === "migrations")) {
    const row = database.prepare<[], { version: number | null }>("SELECT max(version) AS version FROM migrations").get();
    return row?.version ?? 0;
  }
  if (tables.length === 0) return 0;
  throw new WhcbError("config", `${path} is the database of another program`, { hint: "Name another file for whcb." });
}

function tooNew(path: string, version: number, latest: number): WhcbError {
  return new WhcbError("config", `${path} has version ${version}, and this whcb knows versions up to ${latest}`, {
    hint: "Use the whcb that wrote it, or a newer one.",
  });
}
