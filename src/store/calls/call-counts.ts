/** The counters are updated in the transaction that changes the calls. */
import { sql } from "kysely";
import { UNREACHABLE_REASONS, type UnreachableReason } from "../../domain/attempt.js";
import type { CallProgress, CallStatus, LastOutcome } from "../../domain/call.js";
import { requireCallback } from "../callbacks/callback-row.js";
import type { Db, Row } from "../schema.js";
import { addedValues, batchOf, insertRows } from "../sql/batches.js";

export type CallCounts = Readonly<Record<CallStatus, number>>;

export interface WaitingCalls {
  readonly pending: number;
  readonly failed: number;
  /** How many of the failed ones are of callbacks with retries on. Their windows may be over. */
  readonly retried: number;
}

/** Both are null if the calls were never answered, as held calls. */
export interface FailureGroup {
  readonly statusCode: number | null;
  readonly reason: UnreachableReason | null;
  readonly count: number;
}

const REPLAY_CHANGE = {
  ...({ callback_key: "bigint", requested_at: "bigint" } as const),
  ...({ total: "bigint", succeeded: "bigint", failed: "bigint", waiting: "bigint" } as const),
};

const OUTAGE_CHANGE = { outage_id: "text", kind: "text", name: "text", count: "bigint" } as const;

/**
 * What became of the calls that first failed in an outage. `marked` are those that a user marked or that were erased, `released` those that
 * were held and became responses without an attempt again, and `removed` those whose retention is over.
 */
export const FATES = ["retried", "replayed", "marked", "failed", "released", "removed"] as const;
export type Fate = (typeof FATES)[number];

/** Gathers the changes of a batch, which update few rows. */
export class CountChanges {
  readonly #counts = new Map<string, Row<"call_counts">>();
  readonly #failures = new Map<string, Row<"failure_counts">>();
  readonly #replays = new Map<string, Record<keyof typeof REPLAY_CHANGE, number>>();
  readonly #outages = new Map<string, Row<"outage_counts">>();
  readonly #replayFailures = new Map<string, Row<"replay_failures">>();

  add(callbackKey: number, status: CallStatus, change: number): void {
    const none = { callback_key: callbackKey, status, count: 0 };
    keptAt(this.#counts, `${callbackKey} ${status}`, none).count += change;
  }

  addFailed(callbackKey: number, failure: string, change: number): void {
    this.add(callbackKey, "FAILED", change);
    const none = { callback_key: callbackKey, failure, count: 0 };
    keptAt(this.#failures, `${callbackKey} ${failure}`, none).count += change;
  }

  move(callbackKey: number, from: CallProgress, to: CallProgress): void {
    if (from.status === to.status && from.status !== "FAILED") return;
    this.#addCall(callbackKey, from, -1);
    this.#addCall(callbackKey, to, 1);
  }

  #addCall(callbackKey: number, call: CallProgress, change: number): void {
    if (call.status === "FAILED") this.addFailed(callbackKey, failureOf(call), change);
    else this.add(callbackKey, call.status, change);
  }

  /** The outage counts the call, which may have been counted before. */
  enterOutage(before: CallProgress, { outageId, failure }: OutageEntry): void {
    if (before.outageId !== null) this.addFate(before.outageId, "released", 1);
    this.#ofOutage(outageId, "failure", failure).count += 1;
  }

  moveFate(from: CallProgress, to: CallProgress): void {
    if (from.outageId !== null) this.addFate(from.outageId, fateOf(from), -1);
    if (to.outageId !== null) this.addFate(to.outageId, fateOf(to), 1);
  }

  addFate(outageId: string, fate: Fate, change: number): void {
    this.#ofOutage(outageId, "fate", fate).count += change;
  }

  #ofOutage(outageId: string, kind: "failure" | "fate", name: string) {
    return keptAt(this.#outages, `${outageId} ${kind} ${name}`, { outage_id: outageId, kind, name, count: 0 });
  }

  enterReplay(callbackKey: number, requestedAt: number): void {
    const counts = this.#ofReplay(callbackKey, requestedAt);
    counts.total += 1;
    counts.waiting += 1;
  }

  /** The call was withdrawn before its attempt. */
  withdrawFromReplay(callbackKey: number, requestedAt: number, calls = 1): void {
    this.#ofReplay(callbackKey, requestedAt).waiting -= calls;
  }

  /** The call is as its attempt left it. */
  leaveReplay(callbackKey: number, requestedAt: number, call: CallProgress): void {
    const counts = this.#ofReplay(callbackKey, requestedAt);
    counts.waiting -= 1;
    if (call.status === "SUCCESS") {
      counts.succeeded += 1;
      return;
    }
    counts.failed += 1;
    const failure = failureOf(call);
    const none = { callback_key: callbackKey, requested_at: requestedAt, failure, count: 0 };
    keptAt(this.#replayFailures, `${callbackKey} ${requestedAt} ${failure}`, none).count += 1;
  }

  #ofReplay(callbackKey: number, requestedAt: number) {
    const none = { callback_key: callbackKey, requested_at: requestedAt, total: 0, succeeded: 0, failed: 0, waiting: 0 };
    return keptAt(this.#replays, `${callbackKey} ${requestedAt}`, none);
  }

  async save(db: Db): Promise<void> {
    if (this.#replays.size > 0) {
      await sql`
        UPDATE replays SET total = replays.total + batch.total, succeeded = replays.succeeded + batch.succeeded,
          failed = replays.failed + batch.failed, waiting = replays.waiting + batch.waiting
        FROM ${batchOf(REPLAY_CHANGE, [...this.#replays.values()])}
        WHERE replays.callback_key = batch.callback_key AND replays.requested_at = batch.requested_at`.execute(db);
    }
    await insertRows(db, "replay_failures", [...this.#replayFailures.values()], ADD_REPLAY_FAILURES);
    await insertRows(db, "failure_counts", changedRows(this.#failures), ADD_FAILURES);
    await insertRows(db, "call_counts", changedRows(this.#counts), ADD_CALLS);
    const ofOutages = [...this.#outages].filter(([, { count }]) => count !== 0).sort(([one], [other]) => (one < other ? -1 : 1));
    if (ofOutages.length === 0) return;
    // An outage is removed before its calls.
    await sql`
      INSERT INTO outage_counts (outage_id, kind, name, count)
      SELECT outage_id, kind, name, count
      FROM ${batchOf(
        OUTAGE_CHANGE,
        ofOutages.map(([, row]) => row),
      )}
      WHERE EXISTS (SELECT 1 FROM outages WHERE outages.id = batch.outage_id)
      ON CONFLICT (outage_id, kind, name) DO UPDATE SET ${addedValues("outage_counts", ["count"])}`.execute(db);
  }
}

/** The outage has counted the call, whose first failure was a status code, an UnreachableReason or NO_ANSWER. */
export interface OutageEntry {
  readonly outageId: string;
  readonly failure: string;
}

/** Only calls that an outage counts have a fate: they are FAILED or SUCCESS. */
function fateOf({ status, settledBy, isReplayed }: CallProgress): Fate {
  if (status === "FAILED") return "failed";
  if (settledBy === "user") return "marked";
  return settledBy === "replay" || isReplayed ? "replayed" : "retried";
}

/** `FATE` must match `fateOf`. */
export const FATE = sql<Fate>`
  CASE WHEN status = 'FAILED' THEN 'failed' WHEN settled_by = 'user' THEN 'marked'
    WHEN settled_by = 'replay' OR is_replayed = 1 THEN 'replayed' ELSE 'retried' END`;

const ADD_FAILURES = sql`
  ON CONFLICT (callback_key, failure) DO UPDATE SET ${addedValues("failure_counts", ["count"])}`;
const ADD_REPLAY_FAILURES = sql`
  ON CONFLICT (callback_key, requested_at, failure) DO UPDATE SET ${addedValues("replay_failures", ["count"])}`;
const ADD_CALLS = sql`ON CONFLICT (callback_key, status) DO UPDATE SET ${addedValues("call_counts", ["count"])}`;

function keptAt<Value>(values: Map<string, Value>, key: string, first: Value): Value {
  const kept = values.get(key) ?? first;
  values.set(key, kept);
  return kept;
}

/** Two transactions that lock the same rows in the same order don't wait for each other. */
function changedRows<Counter extends Row<"call_counts" | "failure_counts">>(rows: ReadonlyMap<string, Counter>): Counter[] {
  return [...rows]
    .filter(([, { count }]) => count !== 0)
    .sort(([one, row], [other, next]) => row.callback_key - next.callback_key || (one < other ? -1 : 1))
    .map(([, row]) => row);
}

export function callCounters(db: Db) {
  return {
    /** Resolves to the numbers by status. Throws `not-found` for the callback. */
    count: async (callbackId: string): Promise<CallCounts> => readCounts(db, (await requireCallback(db, callbackId)).key),
    /** Counts the calls of all callbacks. */
    countWaiting: (): Promise<WaitingCalls> => readWaiting(db),
    /** Counts FAILED calls by status code or reason, most calls first. Throws `not-found` for the callback. */
    listFailures: async (callbackId: string): Promise<readonly FailureGroup[]> =>
      readFailures(db, (await requireCallback(db, callbackId)).key),
  };
}

/** The failure of a call that was neither attempted nor answered: it was held, or marked. */
export const NO_ANSWER = "";

/** Returns the status code, or why there was no answer. */
export function failureOf({ statusCode, error }: LastOutcome): string {
  return statusCode === null ? (error ?? NO_ANSWER) : String(statusCode);
}

/** `FAILURE` must match `failureOf`. */
export const FAILURE = sql<string>`coalesce(CAST(status_code AS TEXT), error, '')`;

/** Reads the failures with most calls first. */
export async function readFailures(db: Db, callbackKey: number): Promise<FailureGroup[]> {
  const { rows } = await sql<{ failure: string; count: number }>`
    SELECT failure, count FROM failure_counts WHERE callback_key = ${callbackKey} AND count > 0
    ORDER BY count DESC, failure`.execute(db);
  return rows.map(({ failure, count }) => toFailureGroup(failure, count));
}

/** Reads those of a replay, with most calls first. */
export async function readReplayFailures(db: Db, callbackKey: number, requestedAt: number): Promise<FailureGroup[]> {
  const { rows } = await sql<{ failure: string; count: number }>`
    SELECT failure, count FROM replay_failures WHERE callback_key = ${callbackKey} AND requested_at = ${requestedAt}
    ORDER BY count DESC, failure`.execute(db);
  return rows.map(({ failure, count }) => toFailureGroup(failure, count));
}

/** Reads what `failureOf` returned. */
export function toFailureGroup(failure: string, count: number): FailureGroup {
  const reason = UNREACHABLE_REASONS.find((each) => each === failure) ?? null;
  return { statusCode: /^\d+$/.test(failure) ? Number(failure) : null, reason, count };
}

export async function readCounts(db: Db, callbackKey: number): Promise<CallCounts> {
  const rows = await db.selectFrom("call_counts").select(["status", "count"]).where("callback_key", "=", callbackKey).execute();
  const counts: Record<CallStatus, number> = { PENDING: 0, SUCCESS: 0, FAILED: 0 };
  for (const { status, count } of rows) counts[status] = count;
  return counts;
}

async function readWaiting(db: Db): Promise<WaitingCalls> {
  const { rows } = await sql<WaitingCalls>`
    SELECT coalesce(sum(CASE WHEN status = 'PENDING' THEN count END), 0) AS pending,
      coalesce(sum(CASE WHEN status = 'FAILED' THEN count END), 0) AS failed,
      coalesce(sum(CASE WHEN status = 'FAILED' AND retries_enabled = 1 THEN count END), 0) AS retried
    FROM call_counts JOIN callbacks ON callbacks.key = callback_key WHERE deleted_at IS NULL`.execute(db);
  return rows[0] ?? { pending: 0, failed: 0, retried: 0 };
}
