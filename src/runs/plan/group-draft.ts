import type { ListedCall, ListedCallback } from "../../client/client.js";
import type { Clock } from "../../platform/clock.js";
import { requireBodyStyle } from "../../wire/json/callback-json.js";
import { SendOrder } from "./send-order.js";
import type { SnapshotFile } from "./snapshot-file.js";

/** Two retry intervals: the platform doesn't say what it retries. */
const PROBABLY_RETRYING_MS = 2 * 5 * 60_000;

/** Places in the snapshot file, in sending order: 12 bytes a call, outside the heap. */
export interface CallPlaces {
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
}

export interface ReplayGroup {
  /** `auth.key` is null if the service doesn't return it. */
  readonly callback: ListedCallback;
  readonly calls: number;
  /** The service still retries these: the receiver may see them twice. */
  readonly retrying: number;
  /** Of the last attempts, epoch ms; null if there are none. */
  readonly firstAttemptedAt: number | null;
  readonly lastAttemptedAt: number | null;
  /** Most frequent first; null: no answer. */
  readonly statusCodes: readonly { readonly statusCode: number | null; readonly calls: number }[];
}

export class GroupDraft {
  readonly callback: ListedCallback;
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];
  readonly #order = new SendOrder();
  readonly #file: SnapshotFile;
  readonly #clock: Clock;
  readonly #statusCodes = new Map<number | null, number>();
  #retrying = 0;
  #firstAttemptedAt: number | null = null;
  #lastAttemptedAt: number | null = null;

  constructor(callback: ListedCallback, file: SnapshotFile, clock: Clock) {
    this.callback = callback;
    this.#file = file;
    this.#clock = clock;
  }

  isRetrying({ attemptCount, nextAttemptAt, attemptedAt }: ListedCall): boolean {
    if (nextAttemptAt !== null) return true;
    const isReported = attemptCount !== null;
    const age = attemptedAt === null ? Number.POSITIVE_INFINITY : this.#clock.now() - attemptedAt;
    return !isReported && this.callback.retriesEnabled === true && age <= PROBABLY_RETRYING_MS;
  }

  async add(calls: readonly ListedCall[]): Promise<void> {
    const places = await this.#file.add(calls, requireBodyStyle(this.callback));
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

  places(): CallPlaces {
    const order = this.#order.indexes();
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
