/** One callback's part of a snapshot while it is being taken. */
import type { ListedCall, ListedCallback } from "../../client/client.js";
import type { Clock } from "../../platform/clock.js";
import type { ReplayGroup } from "./replay-plan.js";
import { SendOrder } from "./send-order.js";
import type { SnapshotFile } from "./snapshot-file.js";

/** The platform doesn't say what it retries; a call whose last attempt is no older than two intervals may well be. */
const PROBABLY_RETRYING_MS = 2 * 5 * 60_000;

/** Where the calls of a group lie in the spool, in sending order: some bytes a call, outside of the heap. */
export interface GroupPlaces {
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
}

export class GroupDraft {
  readonly callback: ListedCallback;
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];
  readonly #order = new SendOrder();
  readonly #spool: SnapshotFile;
  readonly #clock: Clock;
  readonly #statusCodes = new Map<number | null, number>();
  #retrying = 0;
  #firstAttemptedAt: number | null = null;
  #lastAttemptedAt: number | null = null;

  constructor(callback: ListedCallback, spool: SnapshotFile, clock: Clock) {
    this.callback = callback;
    this.#spool = spool;
    this.#clock = clock;
  }

  isRetrying({ attemptCount, nextAttemptAt, attemptedAt }: ListedCall): boolean {
    if (nextAttemptAt !== null) return true;
    const isTold = attemptCount !== null;
    const age = attemptedAt === null ? Number.POSITIVE_INFINITY : this.#clock.now() - attemptedAt;
    return !isTold && this.callback.retriesEnabled && age <= PROBABLY_RETRYING_MS;
  }

  async add(calls: readonly ListedCall[]): Promise<void> {
    const places = await this.#spool.add(calls, this.callback);
    for (const { offset, length } of places) {
      this.#offsets.push(offset);
      this.#lengths.push(length);
    }
    for (const call of calls) {
      this.#order.add(call, this.#clock.now());
      this.#statusCodes.set(call.statusCode, (this.#statusCodes.get(call.statusCode) ?? 0) + 1);
      if (this.isRetrying(call)) this.#retrying++;
      const at = call.attemptedAt;
      if (at === null) continue;
      this.#firstAttemptedAt = Math.min(this.#firstAttemptedAt ?? at, at);
      this.#lastAttemptedAt = Math.max(this.#lastAttemptedAt ?? at, at);
    }
  }

  places(): GroupPlaces {
    const order = this.#order.places();
    return {
      offsets: Float64Array.from(order, (index) => this.#offsets[index] ?? 0),
      lengths: order.map((index) => this.#lengths[index] ?? 0),
    };
  }

  group(): ReplayGroup {
    const statusCodes = [...this.#statusCodes].map(([statusCode, calls]) => ({ statusCode, calls }));
    return {
      callback: this.callback,
      calls: this.#offsets.length,
      retrying: this.#retrying,
      firstAttemptedAt: this.#firstAttemptedAt,
      lastAttemptedAt: this.#lastAttemptedAt,
      statusCodes: statusCodes.sort((one, other) => other.calls - one.calls),
    };
  }
}
