/** Counters, updated in the transaction that changes the calls. */
import { sql } from "kysely";
import type { CallStatus } from "../../domain/call.js";
import type { Db } from "../schema.js";
import { batchOf, cell } from "../sqlite/json-rows.js";

export type CallCounts = Readonly<Record<CallStatus, number>>;

/** A batch updates few rows. */
export class CountChanges {
  readonly #byCallback = new Map<number, Record<CallStatus, number>>();

  add(callbackKey: number, status: CallStatus, change: number): void {
    const counts = this.#byCallback.get(callbackKey) ?? { PENDING: 0, SUCCESS: 0, FAILED: 0 };
    this.#byCallback.set(callbackKey, counts);
    counts[status] += change;
  }

  move(callbackKey: number, from: CallStatus, to: CallStatus): void {
    if (from === to) return;
    this.add(callbackKey, from, -1);
    this.add(callbackKey, to, 1);
  }

  async save(db: Db): Promise<void> {
    const rows: [number, string, number][] = [];
    for (const [key, counts] of this.#byCallback) {
      for (const [status, change] of Object.entries(counts)) if (change !== 0) rows.push([key, status, change]);
    }
    if (rows.length === 0) return;
    await sql`
      INSERT INTO call_counts (callback_key, status, count)
      SELECT ${cell(0)}, ${cell(1)}, ${cell(2)} FROM ${batchOf(rows)} WHERE true
      ON CONFLICT (callback_key, status) DO UPDATE SET count = call_counts.count + excluded.count`.execute(db);
  }
}

export async function readCounts(db: Db, callbackKey: number): Promise<CallCounts> {
  const rows = await db.selectFrom("call_counts").select(["status", "count"]).where("callback_key", "=", callbackKey).execute();
  const counts: Record<CallStatus, number> = { PENDING: 0, SUCCESS: 0, FAILED: 0 };
  for (const { status, count } of rows) counts[status] = count;
  return counts;
}
