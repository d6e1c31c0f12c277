/** Leases say which dispatcher owns which callback (docs/dispatcher.md, Ownership). They are only on PostgreSQL. */
import { type RawBuilder, sql } from "kysely";
import { isWhcbError } from "../../domain/errors.js";
import { isActive } from "../outcomes/endpoints.js";
import type { Db } from "../schema.js";
import { inList } from "../sql/batches.js";
import { transact } from "../sql/transactions.js";
import { lockLiveCallbacks } from "./fences.js";

const LEASE_MS = 15_000;
/** A dispatcher sends under its lease for less than LEASE_MS, as a send may begin 3 s after it was checked. */
export const TRUST_MS = LEASE_MS - 3_000;

export interface LeaseShare {
  readonly owned: number;
  /** One dispatcher owns so many if all own as many, rounded up. */
  readonly share: number;
}

export interface OtherLease {
  /** Each renewal makes it another number. */
  readonly renewal: number;
  /** The lease expires after this time by the database's clock, which may be set. */
  readonly leftMs: number;
}

/** Whatever the database's clock says, a lease ends after LEASE_MS without a renewal, and not while its owner may send. */
export function leaseEndsInMs({ leftMs }: OtherLease, unrenewedMs: number): number {
  return Math.min(LEASE_MS - unrenewedMs, Math.max(leftMs, TRUST_MS - unrenewedMs));
}

export interface TakenCallbacks {
  /** The keys are callback ids. Each fence is larger than that of any earlier owner. */
  readonly fences: ReadonlyMap<string, number>;
  /** `hasMore` is true if more of its share is free: beyond `limit`, or locked at this moment. */
  readonly hasMore: boolean;
}

export type LeaseStore = ReturnType<typeof leaseStore>;

export function leaseStore(db: Db) {
  return {
    /** Starts a lease under a new id, as one whose lease was lost isn't used again. */
    async startLease(dispatcherId: string): Promise<void> {
      await sql`INSERT INTO dispatchers (id, expires_at) VALUES (${dispatcherId}, ${expiry})`.execute(db);
    },

    /** Renews the lease for LEASE_MS. Resolves to false if it had ended, and others may have taken what it owned. */
    async renewLease(dispatcherId: string): Promise<boolean> {
      const { rows } = await sql`UPDATE dispatchers SET expires_at = ${expiry} WHERE id = ${dispatcherId} RETURNING id`.execute(
        db,
      );
      return rows.length > 0;
    },

    /** Reads the leases of others, by id. */
    async readOthers(dispatcherId: string): Promise<ReadonlyMap<string, OtherLease>> {
      const { rows } = await sql<OtherLease & { id: string }>`
        SELECT id, ${renewal} AS renewal,
          floor(extract(epoch FROM expires_at - clock_timestamp()) * 1000.0)::bigint AS "leftMs"
        FROM dispatchers WHERE id <> ${dispatcherId}`.execute(db);
      return new Map(rows.map(({ id, ...lease }) => [id, lease]));
    },

    /** Ends another's lease, unless it was renewed since. Until then that one still owns what it has, and may renew. */
    async endUnrenewed(dispatcherId: string, last: number): Promise<void> {
      // A lease that is being renewed or ended at this moment is left out: two that end each other's would wait for each other.
      await sql`
        DELETE FROM dispatchers WHERE id IN (
          SELECT id FROM dispatchers WHERE id = ${dispatcherId} AND ${renewal} = ${last} FOR UPDATE SKIP LOCKED)`.execute(db);
    },

    async readShare(dispatcherId: string): Promise<LeaseShare> {
      const { rows } = await sql<{ living: number; owned: number; own: number }>`
        SELECT count(*) AS living, (SELECT count(*) FROM callbacks WHERE ${hasLivingOwner}) AS owned,
          (SELECT count(*) FROM callbacks WHERE owner = ${dispatcherId}) AS own
        FROM dispatchers`.execute(db);
      const { living = 1, owned = 0, own = 0 } = rows[0] ?? {};
      return { owned: own, share: Math.ceil(owned / Math.max(1, living)) };
    },

    /** Resolves to another text after a promotion or a restore, which may lack the last commits. null means: unknown. */
    async readTimeline(): Promise<string | null> {
      try {
        const { rows } = await sql<{ timeline: string }>`
          SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline`.execute(db);
        return rows[0]?.timeline ?? null;
      } catch (error) {
        if (isWhcbError(error) && error.code === "unavailable") throw error;
        return null;
      }
    },

    /** Ends the lease, so what it owned is free at once. */
    async endLease(dispatcherId: string): Promise<void> {
      await sql`DELETE FROM dispatchers WHERE id = ${dispatcherId}`.execute(db);
    },

    /** In one transaction, takes callbacks (of these, or any) with something to do and no living owner, up to its share. */
    takeCallbacks: (dispatcherId: string, limit: number, callbackIds?: readonly string[]): Promise<TakenCallbacks> =>
      takeCallbacks(db, dispatcherId, limit, callbackIds),

    /** Resolves to the fences of what it owns, by callback id. */
    async listOwned(dispatcherId: string): Promise<ReadonlyMap<string, number>> {
      const { rows } = await sql<{ id: string; fence: number }>`
        SELECT id, fence FROM callbacks WHERE owner = ${dispatcherId}`.execute(db);
      return new Map(rows.map(({ id, fence }) => [id, fence]));
    },

    /** Gives back those of these callbacks that it still owns, in one transaction. */
    releaseCallbacks: (dispatcherId: string, callbackIds: readonly string[]): Promise<void> =>
      transact(db, async (trx) => {
        await lockLiveCallbacks(trx, callbackIds);
        await sql`
          UPDATE callbacks SET owner = NULL
          WHERE owner = ${dispatcherId} AND id ${inList(callbackIds, "text")}`.execute(trx);
      }),
  };
}

const expiry = sql`clock_timestamp() + ${sql.lit(`${LEASE_MS} milliseconds`)}::interval`;

/** The number is in microseconds. */
const renewal = sql`floor(extract(epoch FROM expires_at) * 1000000.0)::bigint`;

/** An id that isn't in the table never comes back. */
const hasLivingOwner = sql`owner IN (SELECT id FROM dispatchers)`;

interface TakeRow {
  readonly wanted: number;
  /** `taken` is a JSON list of [id, fence]. */
  readonly taken: string;
}

/**
 * Compares the fence again under the lock, because another dispatcher, unknown to this snapshot, may have taken the callback
 * meanwhile. Leaves locked ones out, so that nobody waits.
 */
async function takeCallbacks(
  db: Db,
  dispatcherId: string,
  limit: number,
  callbackIds?: readonly string[],
): Promise<TakenCallbacks> {
  const which: RawBuilder<unknown> = callbackIds === undefined ? sql`` : sql`AND id ${inList(callbackIds, "text")}`;
  const { rows } = await transact(db, (trx) =>
    sql<TakeRow>`
      WITH free AS MATERIALIZED (
        SELECT key, fence FROM callbacks
        WHERE deleted_at IS NULL AND (owner IS NULL OR NOT ${hasLivingOwner}) AND ${isActive} ${which}),
      counts AS MATERIALIZED (
        SELECT (SELECT count(*) FROM free) AS free, (SELECT count(*) FROM dispatchers) AS living,
          (SELECT count(*) FROM callbacks WHERE ${hasLivingOwner}) AS owned,
          (SELECT count(*) FROM callbacks WHERE owner = ${dispatcherId}) AS own),
      share AS MATERIALIZED (
        SELECT greatest(0, least(free, ceil((free + owned)::numeric / greatest(1, living)::numeric) - own::numeric))::bigint AS wanted FROM counts
        WHERE EXISTS (SELECT 1 FROM dispatchers WHERE id = ${dispatcherId})),
      locked AS MATERIALIZED (
        SELECT callbacks.key FROM free JOIN callbacks ON callbacks.key = free.key AND callbacks.fence = free.fence
        LIMIT (SELECT least(wanted, ${limit}) FROM share) FOR NO KEY UPDATE OF callbacks SKIP LOCKED),
      taken AS (
        UPDATE callbacks SET owner = ${dispatcherId}, fence = fence + 1 FROM locked WHERE callbacks.key = locked.key
        RETURNING id, fence)
      SELECT wanted, (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(id, fence)), '[]')::text FROM taken) AS taken FROM share`.execute(
      trx,
    ),
  );
  const { wanted, taken } = rows[0] ?? { wanted: 0, taken: "[]" };
  const fences = new Map<string, number>(JSON.parse(taken));
  return { fences, hasMore: wanted > fences.size };
}
