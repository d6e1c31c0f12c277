/** Tells views that follow what happens whether something has changed, without reading it. */
import { createHash } from "node:crypto";
import { sql } from "kysely";
import { changeStore, latestChange } from "../change-log.js";
import type { ReadOldestWaiting } from "../outcomes/oldest-waiting.js";
import type { Db } from "../schema.js";
import { inList } from "../sql/batches.js";
import { isPostgres, perDatabase } from "../sql/per-database.js";

export function versionStore(db: Db, readOldestWaiting: ReadOldestWaiting) {
  return {
    /**
     * Resolves, by id, to a short text that differs after a change of the callback, its calls, outages or replays, by any
     * process. Leaves deleted callbacks out. Costs a few index lookups each.
     */
    readVersions: (callbackIds: readonly string[]): Promise<ReadonlyMap<string, string>> => readVersions(db, callbackIds),

    /** Resolves to the ids of those, or of all, whose endpoints aren't answering: that becomes so without a write. */
    readUnanswered: (callbackIds: readonly string[] | null): Promise<readonly string[]> =>
      readUnanswered(db, callbackIds, readOldestWaiting),

    /** Resolves to a text that differs after any write, by any process. */
    async readWriteCounter(): Promise<string> {
      if (isPostgres(db)) return changeStore(db).readCounter();
      // The first query counts this connection's rows, the second one other connections' transactions.
      const { rows: own } = await sql<{ rows: number }>`SELECT total_changes() AS rows`.execute(db);
      const { rows: others } = await sql<{ data_version: number }>`PRAGMA data_version`.execute(db);
      return `${own[0]?.rows}.${others[0]?.data_version}`;
    },
  };
}

const jsonArray = perDatabase({ sqlite: sql`json_array`, postgres: () => sql`pg_catalog.json_build_array` });
const jsonList = perDatabase({ sqlite: sql`json_group_array`, postgres: () => sql`pg_catalog.json_agg` });

/** A call that fails again changes no counter, but its attempt counts in one of the last minutes. */
const LATEST_ACTIVITY = sql`
  (SELECT ${jsonList}(${jsonArray}(minute, accepted + failed, replays_accepted + replays_failed, pending_calls, failed_calls)) FROM
    (SELECT * FROM activity WHERE callback_key = callbacks.key ORDER BY minute DESC LIMIT 5) AS latest)`;

async function readVersions(db: Db, callbackIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql<{ id: string; state: string }>`
    SELECT callbacks.id, ${jsonArray}(
      ${latestChange},
      (SELECT ${jsonList}(count) FROM (SELECT count FROM call_counts WHERE callback_key = callbacks.key ORDER BY status) AS counts),
      (SELECT calls FROM expiries WHERE callback_key = callbacks.key),
      ${LATEST_ACTIVITY},
      endpoints.state, endpoints.down_since,
      outages.id, outages.failed_calls, outages.ended_at, outages.notified_at,
      (SELECT ${jsonArray}(tries, sent_at, last_error) FROM mails WHERE outage_id = outages.id),
      (SELECT ${jsonList}(${jsonArray}(requested_at, succeeded, failed, waiting)) FROM
        (SELECT * FROM replays WHERE callback_key = callbacks.key AND waiting > 0 ORDER BY requested_at LIMIT 10) AS running)
    ) AS state
    FROM callbacks
    LEFT JOIN endpoints ON endpoints.callback_key = callbacks.key
    LEFT JOIN outages ON outages.id =
      (SELECT id FROM outages WHERE callback_key = callbacks.key ORDER BY started_at DESC, id DESC LIMIT 1)
    WHERE deleted_at IS NULL AND callbacks.id ${inList(callbackIds, "text")}`.execute(db);
  return new Map(rows.map(({ id, state }) => [id, createHash("sha256").update(state).digest("base64url").slice(0, 16)]));
}

async function readUnanswered(
  db: Db,
  callbackIds: readonly string[] | null,
  readOldestWaiting: ReadOldestWaiting,
): Promise<readonly string[]> {
  const which = callbackIds === null ? sql`` : sql`AND callbacks.id ${inList(callbackIds, "text")}`;
  const { rows } = await sql<{ key: number; id: string }>`
    SELECT key, id FROM callbacks JOIN call_counts ON callback_key = key AND status = 'PENDING' AND count > 0
    WHERE deleted_at IS NULL ${which}`.execute(db);
  const oldest = await readOldestWaiting(rows.map(({ key }) => key));
  return rows.filter(({ key }) => oldest.get(key)?.isUnanswered).map(({ id }) => id);
}
