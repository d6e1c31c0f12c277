import { join } from "node:path";

/** Any other text names a SQLite file. */
export function isPostgresUrl(database: string): boolean {
  return /^postgres(ql)?:\/\//i.test(database);
}

/** What is kept beside a SQLite file is in the data folder with PostgreSQL. */
export function placeOf(database: string, dataDirectory: string): string {
  return isPostgresUrl(database) ? join(dataDirectory, "postgres") : database;
}
