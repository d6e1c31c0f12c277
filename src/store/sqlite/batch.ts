import { CompiledQuery } from "kysely";
import type { Db } from "../schema.js";

export type SqlValue = string | number | null;

/** Runs `text`, with a "?" for each cell, for every row: for an UPDATE, cheaper than a JSON parameter with the rows. */
export async function runForEach(db: Db, text: string, rows: readonly (readonly SqlValue[])[]): Promise<void> {
  if (rows.length > 0) await db.executeQuery(CompiledQuery.raw(text, [...rows]));
}
