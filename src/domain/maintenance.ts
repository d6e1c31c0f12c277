export interface CheckedDatabase {
  /** `rows` is null if the file is damaged, or a table isn't whcb's. */
  readonly rows: { readonly callbacks: number; readonly calls: number; readonly attempts: number } | null;
  readonly problems: readonly DatabaseProblem[];
  /**
   * A "newer" database has a schema, and parts, that this version doesn't know. The "schema" isn't checked if this user may not
   * create the tables to compare, or the database is a standby.
   */
  readonly unchecked: "newer" | "schema" | null;
}

export interface DatabaseProblem {
  /** `where` is a table, "schema" or "file". */
  readonly where: string;
  /** `rows` counts wrong rows, faults of the schema, or as many faults of the file as SQLite lists. */
  readonly rows: number;
  /** `examples` say what is wrong with some of these rows. */
  readonly examples: readonly string[];
}

export interface CopyProgress {
  readonly step: "reading" | "copying" | "comparing";
  readonly table: string;
  readonly rows: number;
}

export interface Copied {
  readonly rows: ReadonlyMap<string, number>;
  readonly isResumed: boolean;
}

/** Both are versions of the schema, and equal if nothing was done. `from` is 0 if there were no tables. */
export interface Migrated {
  readonly from: number;
  readonly to: number;
}

export interface BackupTarget {
  readonly file: string;
  readonly overwrite: boolean;
  /** Is called with numbers of pages. What it throws ends the backup. */
  readonly onProgress: (done: number, total: number) => void;
}
