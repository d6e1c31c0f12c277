import { sql } from "kysely";
import type { Db } from "../schema.js";

/** Usually there is nothing to move, and one look into the index of what is due says so. */
export async function bringForward(db: Db, callbackId: string, latest: number): Promise<void> {
  await sql`
    UPDATE calls SET due_at = ${latest}
    WHERE callback_key = (SELECT key FROM callbacks WHERE id = ${callbackId})
      AND status = 'FAILED' AND due_at IS NOT NULL AND due_at > ${latest}`.execute(db);
}
