import type { Database } from "better-sqlite3";
import { WhcbError } from "../../domain/errors.js";
import { newerError, olderError, requireReleased } from "../database-version.js";
import { LATEST_VERSION, MIGRATIONS, type Migration } from "./migration-steps.js";

/**
 * Migrates in one transaction, and returns the version that was found. An up-to-date database isn't written, as another process
 * may be writing. Throws `config` for a newer version, one that no release wrote, or another program's database.
 */
export function migrate(database: Database, path: string, migrations: readonly Migration[] = MIGRATIONS): number {
  const latest = migrations.at(-1)?.version ?? 0;
  if (versionOf(database, path, migrations) === latest) return latest;
  return database
    .transaction(() => {
      // It is read again under the write lock.
      const version = versionOf(database, path, migrations);
      if (version > latest) throw newerError(path, version, latest);
      database.exec("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)");
      const record = database.prepare("INSERT INTO migrations (version, name) VALUES (?, ?)");
      for (const step of migrations.filter((each) => each.version > version)) {
        database.exec(step.sql);
        record.run(step.version, step.name);
      }
      return version;
    })
    .immediate();
}

/** Returns 0 for an empty database. Throws `config` for another program's, and for a version that no release wrote. */
export function versionOf(database: Database, path: string, migrations = MIGRATIONS): number {
  const tables = database.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (tables.some(({ name }) => name === "migrations")) {
    const row = database.prepare<[], { version: number | null }>("SELECT max(version) AS version FROM migrations").get();
    const version = row?.version ?? 0;
    requireReleased(path, version, migrations);
    return version;
  }
  if (tables.length === 0) return 0;
  throw new WhcbError("config", `${path} is another program's database`, { hint: "Name another file for whcb." });
}

/** Throws `config` for a file that this version's statements don't fit. */
export function requireCurrent(version: number, path: string): void {
  if (version > LATEST_VERSION) throw newerError(path, version, LATEST_VERSION);
  if (version === LATEST_VERSION) return;
  throw olderError(path, version, LATEST_VERSION);
}
