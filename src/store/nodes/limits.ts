/** All nodes together count what limits clients. Only PostgreSQL needs it: one process has the counts in its memory. */
import { sql } from "kysely";
import type { Clock } from "../../platform/clock.js";
import type { Db } from "../schema.js";
import type { KeyCipher } from "../secret-key.js";
import { batchOf, valueList } from "../sql/batches.js";
import { transact } from "../sql/transactions.js";

/** What has expired is removed at most so often. */
const SWEEP_MS = 10_000;

/** The caller decides what the numbers mean. An empty list means nothing yet. */
export type LimitState = readonly number[];

export interface LimitChange<Result> {
  /** `states` are in the order of the keys. With null, all stay as they are. */
  readonly states: readonly Limit[] | null;
  readonly result: Result;
}

export interface Limit {
  readonly state: LimitState;
  readonly expiresAt: number;
}

export type LimitStore = ReturnType<typeof limitStore>;

/** Addresses and names are stored as keyed hashes, so that who reads the table can't try them out. */
export function limitStore(db: Db, clock: Clock, cipher: KeyCipher) {
  let sweepAt = clock.monotonicMs() + SWEEP_MS;

  const sweep = async () => {
    if (clock.monotonicMs() < sweepAt) return;
    sweepAt = clock.monotonicMs() + SWEEP_MS;
    await sql`
      DELETE FROM limits WHERE key IN (
        SELECT key FROM limits WHERE expires_at <= (extract(epoch FROM clock_timestamp()) * 1000.0)::bigint FOR UPDATE SKIP LOCKED)`.execute(
      db,
    );
  };

  return {
    /** Changes limits in one transaction. `change` gets what is stored, and may run again with the transaction. */
    async changeLimits<Result>(
      limits: readonly string[],
      change: (states: readonly LimitState[]) => LimitChange<Result>,
    ): Promise<Result> {
      const keys = limits.map((limit) => cipher.sign(`limit ${limit}`));
      await sweep();
      return transact(db, async (trx) => {
        // The rows are locked in an order, so that two that lock the same ones don't wait for each other.
        const { rows } = await sql<{ key: string; state: string }>`
          INSERT INTO limits (key, state, expires_at) SELECT batch.value, '[]', 0 FROM ${valueList([...keys].sort(), "text")}
          ORDER BY batch.place ON CONFLICT (key) DO UPDATE SET state = limits.state RETURNING key, state`.execute(trx);
        const stored = new Map(rows.map(({ key, state }) => [key, parseState(state)]));
        const { states, result } = change(keys.map((key) => stored.get(key) ?? []));
        if (states !== null) {
          const changes = states.map(({ state, expiresAt }, index) => {
            return { key: keys[index] ?? "", state: JSON.stringify(state), expires_at: expiresAt };
          });
          await sql`
            UPDATE limits SET state = batch.state, expires_at = batch.expires_at
            FROM ${batchOf({ key: "text", state: "text", expires_at: "bigint" }, changes)} WHERE limits.key = batch.key`.execute(
            trx,
          );
        }
        return result;
      });
    },
  };
}

function parseState(text: string): LimitState {
  const state: unknown = JSON.parse(text);
  return Array.isArray(state) ? state.map(Number) : [];
}
