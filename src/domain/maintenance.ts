/** What is done to a database as a whole, without a service. */

export interface CheckedDatabase {
  /** null: the file is damaged, or a table isn't whcb's. */
  readonly rows: { readonly callbacks: number; readonly calls: number; readonly attempts: number } | null;
  readonly problems: readonly DatabaseProblem[];
  /** "newer": the schema, and parts of a newer version; "schema": this user may not create the tables to compare, or a standby can't. */
  readonly unchecked: "newer" | "schema" | null;
}

export interface DatabaseProblem {
  /** A table, "schema" or "file". */
  readonly where: string;
  /** Wrong rows, faults of the schema, or as many faults of the file as SQLite lists. */
  readonly rows: number;
  /** Of these rows, what is wrong; not of all. */
  readonly examples: readonly string[];
}

export interface CopyProgress {
  readonly step: "reading" | "copying" | "comparing";
  readonly table: string;
  readonly rows: number;
}

export interface Copied {
  /** By table. */
  readonly rows: ReadonlyMap<string, number>;
  readonly isResumed: boolean;
}

/** Versions of the schema; the same if nothing was done. 0: there were no tables. */
export interface Migrated {
  readonly from: number;
  readonly to: number;
}

export interface BackupTarget {
  readonly file: string;
  /** Replace a file that exists. */
  readonly overwrite: boolean;
  /** Of pages. What it throws ends the backup. */
  readonly onProgress: (done: number, total: number) => void;
}
