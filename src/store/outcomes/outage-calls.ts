/** Tells why the calls of an outage failed, and what became of them. The counters change with the calls (call-counts.ts). */
import { sql } from "kysely";
import { FATES, type FailureGroup, type Fate, toFailureGroup } from "../calls/call-counts.js";
import type { Db, Row } from "../schema.js";

/** Each call that first failed in the outage is counted once by its fate, and once by its first failure. */
export interface OutageCalls extends Readonly<Record<Fate, number>> {
  /** It is the outage's own number: the sum of the fates and of what is uncounted. */
  readonly failedCalls: number;
  /** Those with most calls come first. */
  readonly failures: readonly FailureGroup[];
  /** So many calls failed before an update of the service that counts them. */
  readonly uncounted: number;
}

/** Reads one state. Resolves to zeros for an outage that doesn't exist. */
export async function readOutageCalls(db: Db, outageId: string): Promise<OutageCalls> {
  const { rows } = await sql<
    Pick<Row<"outage_counts">, "name" | "count"> & { kind: "failure" | "fate" | null; failed_calls: number }
  >`
    SELECT failed_calls, kind, name, count FROM outages LEFT JOIN outage_counts ON outage_id = id
    WHERE id = ${outageId} ORDER BY count DESC, name`.execute(db);
  const countOf = (fate: Fate) => rows.find(({ kind, name }) => kind === "fate" && name === fate)?.count ?? 0;
  const fates = Object.fromEntries(FATES.map((fate) => [fate, countOf(fate)])) as Record<Fate, number>;
  const failures = rows.flatMap(({ kind, name, count }) => (kind === "failure" ? [toFailureGroup(name, count)] : []));
  const counted = failures.reduce((sum, { count }) => sum + count, 0);
  const failedCalls = rows[0]?.failed_calls ?? 0;
  return { ...fates, failedCalls, failures, uncounted: Math.max(0, failedCalls - counted) };
}
