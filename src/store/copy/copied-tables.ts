import type { Database } from "better-sqlite3";
import { TABLES } from "../schema.js";

export interface CopiedTable {
  readonly name: string;
  readonly columns: readonly Column[];
  /** The primary key has these columns, in its order. */
  readonly key: readonly string[];
}

export interface Column {
  readonly name: string;
  readonly isBinary: boolean;
}

/** A file's leases of runs that have ended, positions in its change log, and its version mean nothing in another database. */
export const NOT_COPIED = ["run_leases", "changes", "migrations"];

export const COPIED = Object.keys(TABLES).filter((table) => !NOT_COPIED.includes(table));

/** Reads the columns that the file has. The target may have more, with defaults. */
export function readTables(source: Database): readonly CopiedTable[] {
  return COPIED.map((name) => {
    const columns = source
      .prepare<[string], { name: string; type: string; pk: number }>("SELECT name, type, pk FROM pragma_table_info(?)")
      .all(name);
    return {
      name,
      columns: columns.map((column) => ({ name: column.name, isBinary: column.type === "BLOB" })),
      key: columns
        .filter(({ pk }) => pk > 0)
        .sort((one, other) => one.pk - other.pk)
        .map((column) => column.name),
    };
  });
}
