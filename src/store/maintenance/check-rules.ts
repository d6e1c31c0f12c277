/** Each rule is a query for rows that break it. */
import { type RawBuilder, sql } from "kysely";
import { AUDIT_ACTIONS } from "../../domain/audit/audit-entry.js";
import { FAILURE, FATE } from "../calls/call-counts.js";
import { NEVER } from "../schema.js";
import { perDatabase } from "../sql/per-database.js";

export interface CheckRule {
  readonly table: string;
  /** The query says of each wrong row which one it is, and what is wrong. */
  readonly find: RawBuilder<{ fault: string }>;
}

type Fault = readonly [what: string, condition: RawBuilder<unknown>];

/** Checks the table in one scan. `row` names a row, as text. */
function rowRule(table: string, row: RawBuilder<unknown>, faults: readonly Fault[]): CheckRule {
  const cases = faults.map(([what, condition]) => sql`WHEN ${condition} THEN ${sql.lit(what)}`);
  const find = sql<{ fault: string }>`
    SELECT name || ': ' || what AS fault
    FROM (SELECT ${row} AS name, CASE ${sql.join(cases, sql` `)} END AS what FROM ${sql.table(table)}) AS named WHERE what IS NOT NULL`;
  return { table, find };
}

const ofCallback = sql`coalesce(
  (SELECT callbacks.id FROM callbacks WHERE callbacks.key = callback_key), 'callback ' || ${textOf("callback_key")})`;

/** `counted` and `actual` are queries of callback_key, name and number. */
function counterRule(table: string, counted: RawBuilder<unknown>, actual: RawBuilder<unknown>): CheckRule {
  const find = sql<{ fault: string }>`
    SELECT ${ofCallback} || ' ' || name || ': the counter is ' || ${textOf("counted")} || ', and there are ' || ${textOf("actual")} AS fault
    FROM (
      SELECT callback_key, name, CAST(sum(counted) AS bigint) AS counted, CAST(sum(actual) AS bigint) AS actual FROM (
        SELECT callback_key, name, number AS counted, 0 AS actual FROM (${counted}) AS counters
        UNION ALL SELECT callback_key, name, 0, number FROM (${actual}) AS rows_counted
      ) AS both_sides GROUP BY callback_key, name
    ) AS sums WHERE counted <> actual`;
  return { table, find };
}

function textOf(column: string): RawBuilder<unknown> {
  return sql`CAST(${sql.ref(column)} AS text)`;
}

/** `NO_CALLBACK` is checked whether it is declared as a foreign key or not: the tables that are written most have none. */
const NO_CALLBACK: Fault = [
  "its callback doesn't exist",
  sql`NOT EXISTS (SELECT 1 FROM callbacks WHERE callbacks.key = callback_key)`,
];

/** domain/call.ts makes no other states. */
const CALL_FAULTS: readonly Fault[] = [
  NO_CALLBACK,
  ["its state is unknown", sql`status NOT IN ('PENDING', 'SUCCESS', 'FAILED')`],
  ["only one of its due time and its cause is set", sql`(due_at IS NULL) <> (due_cause IS NULL)`],
  ["PENDING, but due at a time", sql`status = 'PENDING' AND due_at IS NOT NULL`],
  ["PENDING, but has failed or is settled", sql`status = 'PENDING' AND (first_failed_at IS NOT NULL OR settled_by IS NOT NULL)`],
  ["SUCCESS, but still due", sql`status = 'SUCCESS' AND due_at IS NOT NULL`],
  ["SUCCESS, but settled by nobody", sql`status = 'SUCCESS' AND settled_by IS NULL`],
  ["FAILED, but settled by the dispatcher", sql`status = 'FAILED' AND settled_by = 'dispatcher'`],
  [
    "a retry is due, but it was marked or has never failed",
    sql`due_cause = 'retry' AND (settled_by IS NOT NULL OR first_failed_at IS NULL)`,
  ],
  [
    "its replay doesn't exist",
    sql`due_cause = 'replay' AND NOT EXISTS (
      SELECT 1 FROM replays WHERE replays.callback_key = calls.callback_key AND requested_at = due_at)`,
  ],
  ["sent after its last attempt", sql`sent_at > attempted_at`],
  ["attempted, but at no time", sql`attempt_count > 0 AND attempted_at = ${sql.lit(NEVER)}`],
  ["its count of attempts differs from its attempts", sql`attempt_count <> (SELECT count(*) FROM attempts WHERE call_seq = seq)`],
];

/** domain/endpoint.ts makes no other states. */
const ENDPOINT_FAULTS: readonly Fault[] = [
  NO_CALLBACK,
  ["its state is unknown", sql`state NOT IN ('up', 'down', 'recovering')`],
  [
    "down without a time, a round or a probe",
    sql`state = 'down' AND (down_since IS NULL OR round_at IS NULL OR round_began_at IS NULL OR probe_at IS NULL)`,
  ],
  [
    "not down, but with a round or a probe",
    sql`state <> 'down' AND (down_since IS NOT NULL OR round_at IS NOT NULL OR probe_at IS NOT NULL)`,
  ],
  ["only one of its state and its time is recovering", sql`(state = 'recovering') <> (recovering_since IS NOT NULL)`],
];

const countOfKind = (kind: "failure" | "fate") => sql`
  (SELECT coalesce(sum(count), 0) FROM outage_counts WHERE outage_id = outages.id AND kind = ${sql.lit(kind)})`;

const OUTAGE_FAULTS: readonly Fault[] = [
  NO_CALLBACK,
  [
    "its calls are counted otherwise by their failures than by what became of them",
    sql`${countOfKind("failure")} <> ${countOfKind("fate")}`,
  ],
];

const NO_OUTAGE: Fault = ["its outage doesn't exist", sql`NOT EXISTS (SELECT 1 FROM outages WHERE outages.id = outage_id)`];

const MAIL_FAULTS: readonly Fault[] = [
  NO_CALLBACK,
  NO_OUTAGE,
  ["sent, but to be sent again; or neither", sql`(sent_at IS NULL) = (next_try_at IS NULL)`],
];

const NOTICE_FAULTS: readonly Fault[] = [
  NO_CALLBACK,
  ["its outage doesn't exist", sql`event <> 'expired' AND NOT EXISTS (SELECT 1 FROM outages WHERE outages.id = outage_id)`],
  ["its event is unknown", sql`event NOT IN ('began', 'ended', 'expired')`],
  ["its report is missing", sql`event = 'expired' AND report IS NULL`],
  ["sent, but to be sent again", sql`sent_at IS NOT NULL AND next_try_at IS NOT NULL`],
];

const EXPIRED_FAULTS: readonly Fault[] = [
  NO_CALLBACK,
  ["it isn't FAILED", sql`NOT EXISTS (SELECT 1 FROM calls WHERE seq = call_seq AND status = 'FAILED')`],
  ["it is retried", sql`EXISTS (SELECT 1 FROM calls WHERE seq = call_seq AND due_cause = 'retry')`],
];

const EXPIRY_FAULTS: readonly Fault[] = [
  NO_CALLBACK,
  [
    "its count differs from its calls",
    sql`calls <> (SELECT count(*) FROM expired_calls WHERE expired_calls.callback_key = expiries.callback_key)`,
  ],
];

const REPLAY_FAULTS: readonly Fault[] = [
  NO_CALLBACK,
  [
    "its count of waiting calls differs from its calls",
    sql`waiting <> (
      SELECT count(*) FROM calls
      WHERE calls.callback_key = replays.callback_key AND due_cause = 'replay' AND due_at = requested_at)`,
  ],
  [
    "its failures are more than its failed calls",
    sql`failed < (
      SELECT coalesce(sum(count), 0) FROM replay_failures
      WHERE replay_failures.callback_key = replays.callback_key AND replay_failures.requested_at = replays.requested_at)`,
  ],
  ["its counts are more than its total", sql`succeeded < 0 OR failed < 0 OR waiting < 0 OR succeeded + failed + waiting > total`],
];

/** After a restore into another server, every reader would find such a row again and again. */
const CHANGE_FAULTS: readonly Fault[] = [
  [
    "its transaction isn't of this server: empty this table",
    perDatabase({ sqlite: sql`false`, postgres: () => sql`xid >= pg_snapshot_xmax(pg_current_snapshot())` }),
  ],
];

export const CHECK_RULES: readonly CheckRule[] = [
  rowRule("calls", sql`id`, CALL_FAULTS),
  rowRule("attempts", sql`'attempt ' || ${textOf("number")} || ' of call number ' || ${textOf("call_seq")}`, [
    ["its call doesn't exist", sql`NOT EXISTS (SELECT 1 FROM calls WHERE seq = call_seq)`],
  ]),
  counterRule(
    "call_counts",
    sql`SELECT callback_key, status AS name, count AS number FROM call_counts`,
    sql`SELECT callback_key, status AS name, count(*) AS number FROM calls GROUP BY callback_key, status`,
  ),
  counterRule(
    "failure_counts",
    sql`SELECT callback_key, failure AS name, count AS number FROM failure_counts`,
    sql`SELECT callback_key, ${FAILURE} AS name, count(*) AS number FROM calls WHERE status = 'FAILED' GROUP BY callback_key, ${FAILURE}`,
  ),
  counterRule(
    "outage_counts",
    sql`SELECT callback_key, outage_id || ' ' || name AS name, count AS number FROM outage_counts JOIN outages ON outages.id = outage_id
      WHERE kind = 'fate' AND name NOT IN ('released', 'removed')`,
    sql`SELECT outages.callback_key, outage_id || ' ' || ${FATE} AS name, count(*) AS number FROM calls JOIN outages ON outages.id = outage_id
      GROUP BY outages.callback_key, outage_id, ${FATE}`,
  ),
  rowRule("outage_counts", sql`outage_id || ' ' || name`, [NO_OUTAGE]),
  rowRule("replays", sql`id`, REPLAY_FAULTS),
  rowRule("endpoints", ofCallback, ENDPOINT_FAULTS),
  rowRule("outages", sql`id`, OUTAGE_FAULTS),
  rowRule("mails", sql`outage_id`, MAIL_FAULTS),
  rowRule("notices", sql`outage_id || ' ' || event`, NOTICE_FAULTS),
  rowRule("expired_calls", sql`'call number ' || ${textOf("call_seq")}`, EXPIRED_FAULTS),
  rowRule("expiries", ofCallback, EXPIRY_FAULTS),
  rowRule("call_counts", sql`${ofCallback} || ' ' || status`, [NO_CALLBACK]),
  rowRule("failure_counts", sql`${ofCallback} || ' ' || failure`, [NO_CALLBACK]),
  rowRule("replay_failures", sql`${ofCallback} || ' ' || failure`, [
    NO_CALLBACK,
    [
      "its replay doesn't exist",
      sql`NOT EXISTS (
        SELECT 1 FROM replays
        WHERE replays.callback_key = replay_failures.callback_key AND replays.requested_at = replay_failures.requested_at)`,
    ],
  ]),
  rowRule("activity", sql`${ofCallback} || ' minute ' || ${textOf("minute")}`, [NO_CALLBACK]),
  rowRule("audit", textOf("seq"), [
    ["its action is unknown", sql`action NOT IN (${sql.join(AUDIT_ACTIONS.map((action) => sql.lit(action)))})`],
  ]),
  rowRule("run_leases", ofCallback, [NO_CALLBACK]),
  rowRule("changes", sql`callback_id`, CHANGE_FAULTS),
];
