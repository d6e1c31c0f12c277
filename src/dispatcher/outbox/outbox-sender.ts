/** Sends what a transaction has queued. A receiver that is down delays only its own. */
import type { SendFailure } from "../../notifier/notice-target.js";
import type { Clock } from "../../platform/clock.js";
import { settleAll } from "../../platform/teardown.js";
import { RunLoop } from "../run-loop.js";

export interface Outbox<Item extends { readonly tries: number }> {
  /** At most, in flight. */
  readonly atOnce: number;
  /** One receiver: while it fails, the others wait too, and it is asked once in a while. */
  readonly waitsTogether: boolean;
  /** null: nothing is queued. */
  nextAt(): Promise<number | null>;
  /** Oldest first; no other node's until `until`. */
  claimDue(dueBefore: number, limit: number, until: number): Promise<readonly Item[]>;
  /** null: taken by the receiver. */
  send(item: Item): Promise<SendFailure | null>;
  recordSent(item: Item, at: number): Promise<void>;
  recordFailed(item: Item, reason: string, nextTryAt: number): Promise<void>;
  onError(error: unknown): void;
}

const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 5 * 60_000;
const POLL_MS = 5_000;
/** Longer than a receiver may take; another node tries again after this one died. */
const CLAIM_MS = 2 * 60_000;
/** Sending begins this long after the claim was asked for, at most; later, another node may send it too. */
const CLAIM_TRUST_MS = 30_000;

export class OutboxSender<Item extends { readonly tries: number }> {
  readonly #outbox: Outbox<Item>;
  readonly #clock: Clock;
  readonly #loop: RunLoop;
  /** Not yet recorded; not sent again. When each was sent. */
  readonly #sent = new Map<Item, number>();
  /** In a row, of a receiver that waitsTogether. */
  #failures = 0;
  /** By the monotonic clock. */
  #pausedUntil = 0;
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

  /** Resolves when nothing is in flight; the rest stays queued. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return this.#loop.stop();
  }

  /** Resolves with when the next is due; null: none is queued. */
  async tick(): Promise<number | null> {
    for (const [item, at] of this.#sent) await this.#recordSent(item, at);
    while (this.#pauseMs <= 0) {
      const askedAt = this.#clock.monotonicMs();
      const items = await this.#claimDue();
      if (items.length === 0 || this.#clock.monotonicMs() - askedAt > CLAIM_TRUST_MS) return this.#outbox.nextAt();
      // The next step must not repeat one in flight.
      await settleAll(...items.map((item) => this.#send(item)));
      if (this.#isStopping) return null;
    }
    return this.#clock.now() + this.#pauseMs;
  }

  get #pauseMs(): number {
    return this.#pausedUntil - this.#clock.monotonicMs();
  }

  async #claimDue(): Promise<readonly Item[]> {
    const now = this.#clock.now();
    const next = await this.#outbox.nextAt();
    // Further ahead if a clock set back has put off the next one too long.
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
      this.#pausedUntil = this.#clock.monotonicMs() + waitMs;
    }
    await this.#outbox.recordFailed(item, failure.reason, this.#clock.now() + waitMs);
  }

  async #recordSent(item: Item, at: number): Promise<void> {
    this.#sent.set(item, at);
    await this.#outbox.recordSent(item, at);
    this.#sent.delete(item);
  }
}
