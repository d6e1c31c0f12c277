/** One callback's part of a snapshot while it is being taken. */
import type { ListedCall, ListedCallback } from "../client/client.js";
import type { Clock } from "../platform/clock.js";
import type { CallSpool, SpoolPlace } from "./call-spool.js";
import type { ReplayGroup } from "./replay-plan.js";
import { SendOrder } from "./send-order.js";

/** The platform doesn't say what it retries; a call whose last attempt is no older than two intervals may well be. */
const PROBABLY_RETRYING_MS = 2 * 5 * 60_000;

export class GroupDraft {
  readonly callback: ListedCallback;
  readonly ids: string[] = [];
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];
  readonly #order = new SendOrder();
  readonly #spool: CallSpool;
  readonly #clock: Clock;
  readonly #statusCodes = new Map<number | null, number>();
  #retrying = 0;
  #firstAttemptedAt: number | null = null;
  #lastAttemptedAt: number | null = null;

  constructor(callback: ListedCallback, spool: CallSpool, clock: Clock) {
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
      this.ids.push(call.id);
      this.#order.add(call, this.#clock.now());
      this.#statusCodes.set(call.statusCode, (this.#statusCodes.get(call.statusCode) ?? 0) + 1);
      if (this.isRetrying(call)) this.#retrying++;
      const at = call.attemptedAt;
      if (at === null) continue;
      this.#firstAttemptedAt = Math.min(this.#firstAttemptedAt ?? at, at);
      this.#lastAttemptedAt = Math.max(this.#lastAttemptedAt ?? at, at);
    }
  }

  /** Places in `ids`, oldest call first. */
  sendingOrder(): Uint32Array {
    return this.#order.places();
  }

  placeOf(index: number): SpoolPlace {
    return { id: this.ids[index] ?? "", offset: this.#offsets[index] ?? 0, length: this.#lengths[index] ?? 0 };
  }

  group(): ReplayGroup {
    const statusCodes = [...this.#statusCodes].map(([statusCode, calls]) => ({ statusCode, calls }));
    return {
      callback: this.callback,
      calls: this.ids.length,
      retrying: this.#retrying,
      firstAttemptedAt: this.#firstAttemptedAt,
      lastAttemptedAt: this.#lastAttemptedAt,
      statusCodes: statusCodes.sort((one, other) => other.calls - one.calls),
    };
  }
}
