/** What a callback's calls say about how it is doing. */
import type { Client, ListedCall, ListedCallback, ListedOutage } from "../../../client/client.js";

export interface CallbackState {
  readonly callback: ListedCallback;
  readonly failed: number;
  /** More FAILED calls than were looked at: the figures below are of the newest ones. */
  readonly isCut: boolean;
  readonly looked: number;
  /** Most frequent first; null: no answer came. */
  readonly byStatusCode: readonly { readonly statusCode: number | null; readonly calls: number }[];
  /** FAILED calls by the hour of their last attempt, the last 24 hours, oldest first. */
  readonly byHour: readonly number[];
  readonly oldestAttemptAt: number | null;
  readonly newestAttemptAt: number | null;
  /** Those that the service sends again by itself; null where it doesn't tell. */
  readonly retried: { readonly calls: number; readonly nextAt: number | null; readonly until: number | null } | null;
  /** Open ones; null where the service doesn't tell. */
  readonly outages: readonly ListedOutage[] | null;
}

/** More than this many calls aren't listed to make a summary. */
export const MOST_LOOKED_AT = 20_000;
const HOUR_MS = 3_600_000;

export async function readCallbackState(client: Client, callback: ListedCallback, now: number): Promise<CallbackState> {
  const outages = (await client.listOutages(callback.id))?.filter(({ endedAt }) => endedAt === null) ?? null;
  const tally = new Tally(now);
  let total: number | null = null;
  for await (const page of client.listCalls(callback.id, { filter: { status: "FAILED" }, limit: MOST_LOOKED_AT })) {
    total ??= page.total;
    for (const call of page.calls) tally.add(call);
  }
  const failed = Math.max(tally.looked, total ?? 0);
  return { callback, failed, isCut: failed > tally.looked, outages, ...tally.read() };
}

class Tally {
  looked = 0;
  readonly #now: number;
  readonly #byCode = new Map<number | null, number>();
  readonly #byHour: number[] = Array.from({ length: 24 }, () => 0);
  #oldest: number | null = null;
  #newest: number | null = null;
  #retried = 0;
  #nextAt: number | null = null;
  #until: number | null = null;
  #tellsRetries = false;

  constructor(now: number) {
    this.#now = now;
  }

  add(call: ListedCall): void {
    this.looked += 1;
    this.#byCode.set(call.statusCode, (this.#byCode.get(call.statusCode) ?? 0) + 1);
    if (call.attemptCount !== null) this.#tellsRetries = true;
    if (call.nextAttemptAt !== null) {
      this.#retried += 1;
      this.#nextAt = Math.min(this.#nextAt ?? call.nextAttemptAt, call.nextAttemptAt);
      if (call.retryUntil !== null) this.#until = Math.max(this.#until ?? 0, call.retryUntil);
    }
    if (call.attemptedAt === null) return;
    this.#oldest = Math.min(this.#oldest ?? call.attemptedAt, call.attemptedAt);
    this.#newest = Math.max(this.#newest ?? 0, call.attemptedAt);
    const hoursAgo = Math.max(0, Math.floor((this.#now - call.attemptedAt) / HOUR_MS));
    if (hoursAgo < 24) this.#byHour[23 - hoursAgo] = (this.#byHour[23 - hoursAgo] ?? 0) + 1;
  }

  read(): Omit<CallbackState, "callback" | "failed" | "isCut" | "outages"> {
    const tells = this.#tellsRetries || this.looked === 0;
    return {
      looked: this.looked,
      byStatusCode: [...this.#byCode].map(([statusCode, calls]) => ({ statusCode, calls })).sort((a, b) => b.calls - a.calls),
      byHour: this.#byHour,
      oldestAttemptAt: this.#oldest,
      newestAttemptAt: this.#newest,
      retried: tells ? { calls: this.#retried, nextAt: this.#nextAt, until: this.#until } : null,
    };
  }
}
