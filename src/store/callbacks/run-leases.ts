import { sql } from "kysely";
import { describeHolder, RUN_LEASE_MS, type RunLease, type ServiceReplay, serviceLease } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import { recordChange } from "../change-log.js";
import { SeenRenewals } from "../nodes/seen-renewals.js";
import type { Db, Row } from "../schema.js";
import { transact } from "../sql/transactions.js";
import { lockCallback, requireCallback } from "./callback-row.js";

/** A later expiry is from before the clock was set back. The margin is for another run's wait for the database. */
const latestExpiryAt = (now: number): number => now + 2 * RUN_LEASE_MS;

/** Says how another run's lease ends: with `isServed` only by `endUnrenewed`, otherwise by the wall clock too. */
export interface LeaseTime {
  readonly now: number;
  readonly isServed: boolean;
}

/** `isServed` says that a service uses the store, which ends leases of runs by `endUnrenewed`. */
export function runLeaseStore(db: Db, clock: Clock, isServed: boolean) {
  return {
    /**
     * Takes or renews a lease in one transaction, and resolves to null; or to the lease of another run, or of the service, which
     * keeps all runs out while it replays requested calls, except the run that requested them. Throws `not-found`.
     */
    take: (callbackId: string, lease: RunLease, now: number): Promise<RunLease | null> =>
      transact(db, (trx) => takeLease(trx, callbackId, lease, { now, isServed })),

    /** Resolves to the lease of a run, or of the service while it replays, or to null. Throws `not-found`. */
    async find(callbackId: string, now: number): Promise<RunLease | null> {
      const { key } = await requireCallback(db, callbackId);
      return (await readLease(db, key, { now, isServed })) ?? (await readServiceLease(db, key));
    },

    /** Gives the lease back in one transaction, unless another run has it. Throws `not-found`. */
    release: (callbackId: string, { run, holder }: RunLease, now: number): Promise<void> =>
      transact(db, async (trx) => {
        const { key } = await lockCallback(trx, callbackId);
        const lease = trx.deleteFrom("run_leases").where("callback_key", "=", key);
        await lease.where("run", "=", run).where("holder", "=", holder).execute();
        await moveProbe(trx, callbackId, now);
      }),

    /** A service calls this every LEASE_LOOK_MS. It ends leases that aren't renewed, by the monotonic clock. */
    endUnrenewed: leaseEnder(db, clock),
  };
}

async function takeLease(db: Db, callbackId: string, lease: RunLease, time: LeaseTime): Promise<RunLease | null> {
  const { now, isServed } = time;
  const { key } = await lockCallback(db, callbackId);
  const { run, holder, done, total } = lease;
  const expiresAt = now + RUN_LEASE_MS;
  const orExpired = isServed ? sql`` : sql`OR run_leases.expires_at <= ${now} OR run_leases.expires_at > ${latestExpiryAt(now)}`;
  const { rows } = await sql<{ callback_key: number }>`
    INSERT INTO run_leases (callback_key, run, holder, done, total, expires_at)
    SELECT ${key}, ${run}, ${holder}, ${done}, ${total}, ${expiresAt}
    WHERE NOT EXISTS (SELECT 1 FROM replays WHERE callback_key = ${key} AND ${IS_RUNNING} AND id <> ${run})
    ON CONFLICT (callback_key) DO UPDATE SET
      run = excluded.run, holder = excluded.holder, done = excluded.done, total = excluded.total, expires_at = excluded.expires_at
    WHERE (run_leases.run = excluded.run AND run_leases.holder = excluded.holder) ${orExpired}
    RETURNING callback_key`.execute(db);
  if (rows.length > 0) {
    await moveProbe(db, callbackId, now);
    return null;
  }
  const other = (await readLease(db, key, time)) ?? (await readServiceLease(db, key));
  // The other lease may have been released since.
  return other ?? takeLease(db, callbackId, lease, time);
}

/** A condition that holds while a replay has calls to send, or gets some. */
const IS_RUNNING = sql`(waiting > 0 OR (collecting IS NOT NULL AND cancelled_at IS NULL))`;

/** Throws `locked` if another run than `by` has the lease. */
export async function requireLease(db: Db, callbackKey: number, by: RunLease | null, time: LeaseTime): Promise<void> {
  const lease = await readLease(db, callbackKey, time);
  if (lease === null || (lease.run === by?.run && lease.holder === by.holder)) return;
  throw new WhcbError("locked", describeHolder(lease));
}

/** Throws `locked` if a run sends the calls of any callback. */
export async function requireNoRuns(db: Db, now: number): Promise<void> {
  for (const { callback_key } of await db.selectFrom("run_leases").select("callback_key").execute())
    await requireLease(db, callback_key, null, { now, isServed: false });
}

/** Resolves to null if the lease is free or has expired. */
async function readLease(db: Db, callbackKey: number, { now, isServed }: LeaseTime): Promise<RunLease | null> {
  const row = await db.selectFrom("run_leases").selectAll().where("callback_key", "=", callbackKey).executeTakeFirst();
  if (row === undefined) return null;
  if (!isServed && (row.expires_at <= now || row.expires_at > latestExpiryAt(now))) return null;
  return { run: row.run, holder: row.holder, done: row.done, total: row.total };
}

async function readServiceLease(db: Db, callbackKey: number): Promise<RunLease | null> {
  const { rows } = await sql<Row<"replays">>`
    SELECT * FROM replays WHERE callback_key = ${callbackKey} AND ${IS_RUNNING} ORDER BY requested_at LIMIT 1`.execute(db);
  return rows[0] === undefined ? null : serviceLease(toServiceReplay(rows[0]));
}

export function toServiceReplay(row: Row<"replays">): ServiceReplay {
  const { id, requested_at, total, succeeded, failed, waiting, cancelled_at, requested_by, selection, confirmed, in_earlier } =
    row;
  return {
    id,
    requestedAt: requested_at,
    total,
    succeeded,
    failed,
    cancelled: total - succeeded - failed - waiting,
    left: waiting,
    cancelledAt: cancelled_at,
    requestedBy: requested_by,
    selection: selection === null ? null : JSON.parse(selection),
    confirmed,
    inEarlier: in_earlier,
    collecting: row.collecting === null ? null : JSON.parse(row.collecting),
  };
}

/**
 * Asks for a probe of an endpoint that is down: now, or when the run that has the lease ends. The first probe that is accepted
 * makes the service send all that waits, and the run would send it too.
 */
export async function requestProbe(db: Db, callbackId: string, now: number): Promise<void> {
  await sql`UPDATE callbacks SET replay_probe_at = ${probeDueAt(now)} WHERE id = ${callbackId}`.execute(db);
}

/** The lease has changed, so a probe that waits for its end is due at another time. */
async function moveProbe(db: Db, callbackId: string, now: number): Promise<void> {
  const { numAffectedRows = 0n } = await sql`
    UPDATE callbacks SET replay_probe_at = ${probeDueAt(now)} WHERE id = ${callbackId} AND replay_probe_at > ${now}`.execute(db);
  if (numAffectedRows > 0n) await recordChange(db, callbackId);
}

const probeDueAt = (now: number) => sql`coalesce((
  SELECT expires_at FROM run_leases
  WHERE callback_key = callbacks.key AND expires_at > ${now} AND expires_at <= ${latestExpiryAt(now)}), ${now})`;

export const LEASE_LOOK_MS = 5_000;
/** A renewal is seen up to one look later, and a run trusts its lease for 20 s. */
const UNRENEWED_MS = RUN_LEASE_MS - LEASE_LOOK_MS;

/** Ends leases that it has seen unrenewed for their time. While the service stood still, no run could renew its lease. */
function leaseEnder(db: Db, clock: Clock): () => Promise<void> {
  const seen = new SeenRenewals<number>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    const rows = await db.selectFrom("run_leases").select(["callback_key", "expires_at"]).execute();
    const renewals = new Map(rows.map((row) => [row.callback_key, row.expires_at]));
    const now = clock.monotonicMs();
    const isLate = now - lookedAt > 2 * LEASE_LOOK_MS;
    lookedAt = now;
    for (const [key, unrenewedMs] of seen.look(renewals, now, isLate)) {
      if (unrenewedMs < UNRENEWED_MS) continue;
      const same = db
        .deleteFrom("run_leases")
        .where("callback_key", "=", key)
        .where("expires_at", "=", renewals.get(key) ?? 0);
      await same.execute();
    }
  };
}
