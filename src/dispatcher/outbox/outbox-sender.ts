import type { SendFailure } from "../../notifier/notice-target.js";
import type { Clock } from "../../platform/clock.js";
import { settleAll } from "../../platform/teardown.js";
import { RunLoop } from "../run-loop.js";

export interface Outbox<Item extends { readonly tries: number }> {
  /** The most items in flight. */
  readonly atOnce: number;
  /** All items go to one receiver: while it fails, all wait, and it is asked once in a while. */
  readonly waitsTogether: boolean;
  /** Resolves to null if nothing is queued. */
  nextTryAt(): Promise<number | null>;
  /** Claims the oldest due items, which no other node sends before `until`. */
  claimDue(dueBefore: number, limit: number, until: number): Promise<readonly Item[]>;
  /** Resolves to null if the receiver has taken the item. */
  send(item: Item): Promise<SendFailure | null>;
  recordSent(item: Item, at: number): Promise<void>;
  recordFailed(item: Item, reason: string, nextTryAt: number): Promise<void>;
  onError(error: unknown): void;
}

const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 5 * 60_000;
const POLL_MS = 5_000;
/** A claim lasts longer than a receiver may take; then another node tries again, as this one may have died. */
const CLAIM_MS = 2 * 60_000;
/** Sending begins at most this long after the claim was asked for; later, another node may send the item too. */
const CLAIM_TRUST_MS = 30_000;

export class OutboxSender<Item extends { readonly tries: number }> {
  readonly #outbox: Outbox<Item>;
  readonly #clock: Clock;
  readonly #loop: RunLoop;
  /** When each item was sent that isn't recorded yet. It isn't sent again. */
  readonly #sent = new Map<Item, number>();
  /** Failures in a row of a receiver whose items wait together. */
  #failures = 0;
  /** `pauseEndsAt` is an instant of the monotonic clock. */
  #pauseEndsAt = 0;
  #isStopping = false;

  constructor(outbox: Outbox<Item>, clock: Clock) {
    this.#outbox = outbox;
    this.#clock = clock;
    this.#loop = new RunLoop(() => this.tick(), { clock, pollMs: POLL_MS, onError: (error) => outbox.onError(error) });
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  /** Resolves once nothing is in flight; the rest stays queued. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return this.#loop.stop();
  }

  /** Takes one step. Resolves with when the next item is due, or null if none is queued. */
  async tick(): Promise<number | null> {
    for (const [item, at] of this.#sent) await this.#recordSent(item, at);
    while (this.#pauseMs <= 0) {
      const askedAt = this.#clock.monotonicMs();
      const items = await this.#claimDue();
      if (items.length === 0 || this.#clock.monotonicMs() - askedAt > CLAIM_TRUST_MS) return this.#outbox.nextTryAt();
      // The next step must not repeat an item in flight.
      await settleAll(...items.map((item) => this.#send(item)));
      if (this.#isStopping) return null;
    }
    return this.#clock.now() + this.#pauseMs;
  }

  get #pauseMs(): number {
    return this.#pauseEndsAt - this.#clock.monotonicMs();
  }

  async #claimDue(): Promise<readonly Item[]> {
    const now = this.#clock.now();
    const next = await this.#outbox.nextTryAt();
    // If it is further ahead, a clock that was set back has put off the next item too long.
    if (next === null || (next > now && next <= now + LONGEST_WAIT_MS)) return [];
    return this.#outbox.claimDue(Math.max(now, next), this.#outbox.atOnce, now + CLAIM_MS);
  }

  async #send(item: Item): Promise<void> {
    const failure = await this.#outbox.send(item);
    if (failure === null) {
      this.#failures = 0;
      await this.#recordSent(item, this.#clock.now());
      return;
    }
    const waited = this.#outbox.waitsTogether ? this.#failures : item.tries;
    const waitMs = Math.min(Math.max(FIRST_WAIT_MS * 2 ** waited, failure.retryAfterMs ?? 0), LONGEST_WAIT_MS);
    if (this.#outbox.waitsTogether) {
      this.#failures += 1;
      this.#pauseEndsAt = this.#clock.monotonicMs() + waitMs;
    }
    await this.#outbox.recordFailed(item, failure.reason, this.#clock.now() + waitMs);
  }

  async #recordSent(item: Item, at: number): Promise<void> {
    this.#sent.set(item, at);
    await this.#outbox.recordSent(item, at);
    this.#sent.delete(item);
  }
}
