import { sql } from "kysely";
import type { Db } from "../schema.js";

/** Reads the clock, in epoch ms, that the users of the database share. */
export type ReadTime = (db: Db) => Promise<number>;

/** Reads PostgreSQL's clock, in whole ms: a bigint is compared with it. */
export async function readDatabaseTime(db: Db): Promise<number> {
  const { rows } = await sql<{ now: number }>`
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000.0)::bigint AS now`.execute(db);
  const [{ now } = { now: Number.NaN }] = rows;
  return now;
}
