import { sql } from "kysely";
import type { Db } from "./schema.js";
import type { Gauges } from "./store.js";

/** One statement; `due` counts entries of the index of what is due, everything else is a counter or a short index. */
export async function readGauges(db: Db): Promise<Gauges> {
  const { rows } = await sql<Gauges>`
    SELECT
      (SELECT coalesce(sum(count), 0) FROM call_counts WHERE status = 'PENDING') AS waiting,
      (SELECT count(*) FROM calls WHERE status = 'FAILED' AND due_at IS NOT NULL) AS due,
      (SELECT count(*) FROM outages WHERE ended_at IS NULL) AS "openOutages",
      (SELECT count(*) FROM mails WHERE next_try_at IS NOT NULL) AS "queuedMails"`.execute(db);
  return rows[0] ?? { waiting: 0, due: 0, openOutages: 0, queuedMails: 0 };
}
