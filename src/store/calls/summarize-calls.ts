import { sql } from "kysely";
import type { CallFilter } from "../../domain/call-filter.js";
import type { Clock } from "../../platform/clock.js";
import { requireCallback } from "../callbacks/callback-row.js";
import type { Db, Row } from "../schema.js";
import { executeByIndex } from "../sql/transactions.js";
import { FAILURE, type FailureGroup, toFailureGroup } from "./call-counts.js";
import { instantOf } from "./call-row.js";
import { type InTurn, type ScanStep, scanCalls } from "./scan-calls.js";

/** Tells sets of calls apart, and whether one was attempted since, in whatever order they are added, and keeps no list of them. */
export class CallDigest {
  #count = 0;
  readonly #sums = new Uint32Array(SEEDS.length);

  get count(): number {
    return this.#count;
  }

  /** A mark changes neither the seq nor the attempts. */
  add(seq: number, attempts: number): void {
    this.#count += 1;
    for (const [index, seed] of SEEDS.entries())
      this.#sums[index] = (this.#sums[index] ?? 0) + mixBits(hashOf(seq, seed) + attempts);
  }

  toString(): string {
    return `${this.#count}.${this.#sums.join(".")}`;
  }
}

/** The sums of two different sets are equal once in 2^128. */
const SEEDS = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344] as const;

function hashOf(seq: number, seed: number): number {
  return mixBits(mixBits(seq ^ seed) + Math.floor(seq / 2 ** 32));
}

/** Every bit of the result depends on every bit of the 32 (MurmurHash3's finalizer). */
function mixBits(bits: number): number {
  const first = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return (second ^ (second >>> 16)) >>> 0;
}

/** A filter matched these calls when they were read. */
export interface MatchingCalls {
  readonly filter: CallFilter;
  readonly seqs: readonly number[];
}

export interface FoundCalls extends MatchingCalls {
  /** It has all that match, though `seqs` may lack some. */
  readonly digest: CallDigest;
}

export interface CallSummary {
  readonly filter: CallFilter;
  readonly count: number;
  /** Counts by status code or reason, most calls first. */
  readonly failures: readonly FailureGroup[];
  /** The last attempts began between these. They are null if there is none. */
  readonly firstAt: number | null;
  readonly lastAt: number | null;
}

type DigestedRow = Pick<Row<"calls">, "seq" | "attempt_count">;

interface Group {
  readonly failure: string;
  readonly calls: number;
  readonly first_at: number;
  readonly last_at: number;
}

/** Keeps at most so many seqs. Throws `not-found` for the callback. */
export async function findMatching(
  db: Db,
  clock: Clock,
  callbackId: string,
  filter: CallFilter,
  most: number,
  inTurn?: InTurn,
): Promise<FoundCalls> {
  const { key } = await requireCallback(db, callbackId);
  const [seqs, digest]: [number[], CallDigest] = [[], new CallDigest()];
  for await (const step of scanCalls(db, clock, { callbackKey: key, filter, inTurn })) {
    const { rows } = await executeByIndex(db, sql<DigestedRow>`${step.select(sql`seq, attempt_count`)}`);
    for (const { seq, attempt_count } of rows) {
      digest.add(seq, attempt_count);
      if (seqs.length < most) seqs.push(seq);
    }
  }
  return { filter, seqs, digest };
}

/** Counts all, however long it takes; the event loop turns between steps. Throws `not-found`. */
export async function summarizeMatching(
  db: Db,
  clock: Clock,
  callbackId: string,
  filter: CallFilter,
  digest: CallDigest | null,
  inTurn?: InTurn,
): Promise<CallSummary> {
  const { key } = await requireCallback(db, callbackId);
  const failures = new Map<string, number>();
  let [count, firstAt, lastAt] = [0, Number.POSITIVE_INFINITY, -1];
  for await (const step of scanCalls(db, clock, { callbackKey: key, filter, inTurn })) {
    for (const { failure, calls, first_at, last_at } of await (digest === null
      ? readGroups(db, step)
      : readEach(db, step, digest))) {
      count += calls;
      failures.set(failure, (failures.get(failure) ?? 0) + calls);
      firstAt = Math.min(firstAt, first_at);
      lastAt = Math.max(lastAt, last_at);
    }
  }
  return {
    filter,
    count,
    failures: [...failures].sort(([, one], [, other]) => other - one).map(([failure, calls]) => toFailureGroup(failure, calls)),
    firstAt: count === 0 ? null : instantOf(firstAt),
    lastAt: count === 0 ? null : instantOf(lastAt),
  };
}

async function readGroups(db: Db, step: ScanStep): Promise<readonly Group[]> {
  const matching = step.select(sql`${FAILURE} AS failure, attempted_at`);
  const { rows } = await executeByIndex(
    db,
    sql<Group>`
    SELECT failure, count(*) AS calls, min(attempted_at) AS first_at, max(attempted_at) AS last_at
    FROM (${matching}) AS matching GROUP BY failure`,
  );
  return rows;
}

async function readEach(db: Db, step: ScanStep, digest: CallDigest): Promise<readonly Group[]> {
  const group = sql`${FAILURE} AS failure, attempted_at AS first_at, attempted_at AS last_at, 1 AS calls`;
  const { rows } = await executeByIndex(db, sql<Group & DigestedRow>`${step.select(sql`seq, attempt_count, ${group}`)}`);
  for (const { seq, attempt_count } of rows) digest.add(seq, attempt_count);
  return rows;
}
