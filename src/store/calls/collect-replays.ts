/** A confirmed set of calls is added to its replay in short transactions, which any process goes on with. */
import { sql } from "kysely";
import type { Author } from "../../domain/audit/audit-entry.js";
import type { CallFilter } from "../../domain/call-filter.js";
import type { ReplayCollecting, ServiceReplay } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import { addToAudit, filteredCalls, removeAuditEntry, writeAudit } from "../audit.js";
import { lockCallback } from "../callbacks/callback-row.js";
import { type LeaseTime, requireLease, toServiceReplay } from "../callbacks/run-leases.js";
import { recordChange } from "../change-log.js";
import type { Values } from "../keyset.js";
import type { Db, Row } from "../schema.js";
import { executeByIndex, transact } from "../sql/transactions.js";
import { addToReplay, beginReplay, readReplay } from "./replays.js";
import { type ScanStep, scanCalls } from "./scan-calls.js";

export interface ConfirmedReplay {
  readonly id: string;
  readonly filter: CallFilter;
  readonly confirmed: number;
  readonly author?: Author | undefined;
}

export interface CollectedReplay {
  readonly callbackId: string;
  readonly replayId: string;
}

interface Collecting extends ReplayCollecting {
  /** The scan's last step ended here. */
  readonly after: Values | null;
  /** The replay's entry in the audit counts the calls that are added. Replays of older versions have none. */
  readonly audited?: number | null;
}

const COUNTED_AT_ONCE = 8_192;
/** A transaction of so many calls takes about 20 ms. */
const ADDED_AT_ONCE = 1_000;

export function replayCollection(db: Db, clock: Clock, isServed: boolean) {
  return {
    /**
     * Begins a replay without its calls, which `collect` adds, unless there is one with this id. One transaction. Throws `not-found` for the
     * callback, and `locked` while a run has the lease.
     */
    begin: (callbackId: string, replay: ConfirmedReplay, now: number): Promise<ServiceReplay> =>
      transact(db, (trx) => begin(trx, callbackId, replay, { now, isServed })),

    /**
     * Counts or adds one chunk of calls in one transaction; once it is cancelled or whole, none. If the calls that match are more than were
     * confirmed, cancels it before any is added. Throws `not-found` for either.
     */
    collect: (callbackId: string, replayId: string, now: number): Promise<ServiceReplay> =>
      transact(db, (trx) => collectChunk(trx, clock, callbackId, replayId, now)),

    /** Resolves to a replay that needs `collect`, or null. */
    async findCollecting(): Promise<CollectedReplay | null> {
      const { rows } = await executeByIndex(
        db,
        sql<CollectedReplay>`
        SELECT callbacks.id AS "callbackId", replays.id AS "replayId" FROM replays JOIN callbacks ON callbacks.key = callback_key
        WHERE collecting IS NOT NULL AND cancelled_at IS NULL AND deleted_at IS NULL ORDER BY callback_key, requested_at LIMIT 1`,
      );
      return rows[0] ?? null;
    },
  };
}

async function begin(trx: Db, callbackId: string, replay: ConfirmedReplay, time: LeaseTime): Promise<ServiceReplay> {
  const callback = await lockCallback(trx, callbackId);
  const { key } = callback;
  const known = await readReplay(trx, key, replay.id);
  if (known !== undefined) return toServiceReplay(known);
  await requireLease(trx, key, null, time);
  const { id, filter, confirmed, author } = replay;
  const which = { replayId: id, ...filteredCalls(filter) };
  const audited = await writeAudit(trx, author, { action: "replay-requested", callback, count: 0, details: which });
  const collecting: Collecting = { step: "count", counted: 0, after: null, audited };
  const details = { selection: JSON.stringify({ filter }), confirmed, collecting: JSON.stringify(collecting) };
  const begun = await beginReplay(trx, key, id, { now: time.now, requestedBy: author?.user ?? null, ...details });
  await recordChange(trx, callbackId);
  return toServiceReplay(begun);
}

async function collectChunk(trx: Db, clock: Clock, callbackId: string, replayId: string, now: number): Promise<ServiceReplay> {
  const { key } = await lockCallback(trx, callbackId);
  const replay = await readReplay(trx, key, replayId);
  if (replay === undefined) throw new WhcbError("not-found", `No replay ${replayId} of callback ${callbackId}`);
  if (replay.collecting === null || replay.cancelled_at !== null) return toServiceReplay(replay);
  const collecting: Collecting = JSON.parse(replay.collecting);
  const { selection } = toServiceReplay(replay);
  // Who erased a sender may have removed it.
  const filter = selection !== null && "filter" in selection ? selection.filter : null;
  const next = filter === null ? null : await takeStep(trx, clock, { replay, collecting, filter, now });
  // It is rejected, so it changes nothing.
  if (next?.step === "more") await removeAuditEntry(trx, next.audited ?? null);
  await sql`
    UPDATE replays SET collecting = ${next === null ? null : JSON.stringify(next)}, cancelled_at = ${next?.step === "more" ? now : null}
    WHERE callback_key = ${key} AND requested_at = ${replay.requested_at}`.execute(trx);
  await recordChange(trx, callbackId);
  return toServiceReplay((await readReplay(trx, key, replayId)) ?? replay);
}

interface Step {
  readonly replay: Row<"replays">;
  readonly collecting: Collecting;
  readonly filter: CallFilter;
  readonly now: number;
}

/** Resolves to null when all calls are in the replay. */
async function takeStep(trx: Db, clock: Clock, { replay, collecting, filter, now }: Step): Promise<Collecting | null> {
  const { step, after } = collecting;
  const rows = step === "count" ? COUNTED_AT_ONCE : ADDED_AT_ONCE;
  const scan = { callbackKey: replay.callback_key, filter, after, firstRows: rows, maxRows: rows };
  for await (const scanned of scanCalls(trx, clock, scan)) {
    if (step === "count") return afterCount(collecting, replay.confirmed ?? 0, await countStep(trx, scanned), scanned.end);
    await addToAudit(trx, collecting.audited ?? null, (await addToReplay(trx, scanned, replay, now)).added);
    return scanned.end === null ? null : { ...collecting, after: scanned.end };
  }
  return null;
}

function afterCount(before: Collecting, confirmed: number, found: number, end: Values | null): Collecting {
  const counted = before.counted + found;
  if (end !== null) return { ...before, step: "count", counted, after: end };
  return { ...before, step: counted > confirmed ? "more" : "add", counted, after: null };
}

async function countStep(trx: Db, step: ScanStep): Promise<number> {
  const { rows } = await executeByIndex(
    trx,
    sql<{ calls: number }>`SELECT count(*) AS calls FROM (${step.select(sql`1`)}) AS matching`,
  );
  return rows[0]?.calls ?? 0;
}
