import type { QueryResult, RawBuilder } from "kysely";
import { isLostRace } from "../postgres/postgres-error.js";
import type { Db } from "../schema.js";
import { shareTransaction } from "../sqlite/shared-transactions.js";
import { isPostgres } from "./per-database.js";

/** More than two transactions rarely meet. */
const MAX_TRIES = 5;

/** Runs `work` again if another transaction got in its way: it must change nothing but the database. */
export async function transact<Result>(db: Db, work: (trx: Db) => Promise<Result>): Promise<Result> {
  if (!isPostgres(db)) return shareTransaction(db, work);
  for (let tries = 1; ; tries += 1) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (tries === MAX_TRIES || !isLostRace(error)) throw error;
    }
  }
}

/**
 * Runs a query that an index answers in its order. On PostgreSQL it runs in a transaction whose settings keep the planner to that
 * index: its statistics are minutes old, and a queue fills within seconds.
 */
export function executeByIndex<Row>(db: Db, query: RawBuilder<Row>): Promise<QueryResult<Row>> {
  if (!isPostgres(db) || db.isTransaction) return query.execute(db);
  return db
    .transaction()
    .setAccessMode("read only")
    .execute((trx) => query.execute(trx));
}
