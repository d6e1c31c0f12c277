import { sql } from "kysely";
import type { Db } from "../schema.js";

/** The window is over for calls that first failed before this instant: nothing is due any more, a replay asked for aside. */
export function expireRetries(db: Db, callbackId: string, firstFailedBefore: number, limit: number): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
    UPDATE calls SET due_at = NULL, due_cause = NULL WHERE seq IN (
      SELECT seq FROM calls
      WHERE callback_key = (SELECT key FROM callbacks WHERE id = ${callbackId})
        AND due_cause = 'retry' AND first_failed_at < ${firstFailedBefore}
      ORDER BY first_failed_at LIMIT ${limit})`.execute(trx);
    return Number(numAffectedRows ?? 0n);
  });
}
