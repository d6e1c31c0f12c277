/** What must hold before VACUUM (FULL), so that PostgreSQL leaves no changed or deleted row in the tables' files. */
import { sql } from "kysely";
import { WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import type { Db } from "../schema.js";

/** Throws `config` unless the user may rewrite these tables: otherwise VACUUM only warns, and skips them. */
export async function requireRewritable(db: Db, tables: readonly string[]): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    SELECT relname AS name FROM pg_catalog.pg_class
    JOIN pg_catalog.pg_database ON datname = current_database()
    WHERE pg_class.oid = ANY (${tables}::regclass[]::oid[]) AND NOT pg_has_role(datdba, 'USAGE') AND NOT CASE
      WHEN current_setting('server_version_num')::int >= 170000 THEN has_table_privilege(pg_class.oid, 'MAINTAIN')
      ELSE pg_has_role(relowner, 'USAGE') END
    ORDER BY relname`.execute(db);
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => name).join(", ");
  throw new WhcbError("config", `this database user may not rewrite the tables ${names}, so erased bytes would stay in them`, {
    hint: "run this as the owner of the tables",
  });
}

const SNAPSHOT_CHECKS = 50;
const CHECK_MS = 100;

/** Waits some seconds for older snapshots to end, as VACUUM keeps what they see. Throws `unavailable`. */
export async function waitForSnapshots(db: Db, clock: Clock): Promise<void> {
  const { rows } = await sql<{ id: string }>`SELECT pg_current_xact_id()::text AS id`.execute(db);
  for (let checks = 1; ; checks += 1) {
    const holder = await findHolder(db, rows[0]?.id ?? "");
    if (holder === null) return;
    if (checks === SNAPSHOT_CHECKS) {
      throw new WhcbError("unavailable", `${holder} still sees older rows, so erased bytes would stay in the database's tables`, {
        hint: "end it, then run this again",
      });
    }
    await clock.sleepUntil(clock.now() + CHECK_MS);
  }
}

/**
 * Finds what keeps rows that were changed before this transaction. VACUUM's own snapshot is as old as the oldest transaction of the
 * whole server that writes. A VACUUM that isn't FULL has a snapshot that keeps nothing.
 */
async function findHolder(db: Db, transaction: string): Promise<string | null> {
  const limit = sql`age(${transaction}::xid8::xid)`;
  const { rows } = await sql<{ holder: string }>`
    SELECT pg_catalog.concat('the transaction of connection ', pid, ' (pg_stat_activity)') AS holder FROM pg_catalog.pg_stat_activity
    WHERE pid <> pg_backend_pid() AND (age(backend_xid) > ${limit} OR age(backend_xmin) > ${limit}
      AND (datid IS NULL OR datname = current_database()) AND pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum))
    UNION ALL SELECT pg_catalog.concat('the replication slot ', slot_name) FROM pg_catalog.pg_replication_slots WHERE age(xmin) > ${limit}
    UNION ALL SELECT 'a prepared transaction (pg_prepared_xacts)' FROM pg_catalog.pg_prepared_xacts WHERE age(transaction) > ${limit}
    UNION ALL SELECT 'a transaction' WHERE pg_snapshot_xmin(pg_current_snapshot()) < ${transaction}::xid8`.execute(db);
  return rows[0]?.holder ?? null;
}
