import { isLostRace } from "../postgres/postgres-error.js";
import type { Db } from "../schema.js";

/** More than two transactions rarely meet. */
const MAX_TRIES = 5;

/** Runs `work` again if another transaction got in its way: it must change nothing but the database. */
export async function transact<Result>(db: Db, work: (trx: Db) => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (tries === MAX_TRIES || !isLostRace(error)) throw error;
    }
  }
}
