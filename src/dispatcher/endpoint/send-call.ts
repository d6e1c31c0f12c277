/** Makes one request to an endpoint, with the whole response in hand, and says what came of it. */
import type { Attempt, AttemptCause, DeliveryResult } from "../../domain/attempt.js";
import type { Call } from "../../domain/call.js";
import type { Callback } from "../../domain/callback.js";
import type { Clock } from "../../platform/clock.js";
import type { Store } from "../../store/store.js";

export interface CallSenderDeps {
  readonly clock: Clock;
  readonly store: Pick<Store, "findCall">;
  /** Builds the request; what it returns makes it. Throws if it can't be built. */
  prepare(callback: Callback, call: Call): () => Promise<DeliveryResult>;
}

/** The wall clock and the monotonic one may differ by as much over one request without either having been set. */
const CLOCKS_APART_MS = 1_000;

export class CallSender {
  readonly #deps: CallSenderDeps;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(deps: CallSenderDeps) {
    this.#deps = deps;
  }

  /**
   * Null: the call was marked, changed or deleted before it was sent. Rejects if our side failed, which is no attempt (docs/dispatcher.md,
   * A call, Rule 3). `callback` is asked for the settings when the request is built.
   */
  async attempt(callback: () => Callback, call: Call, cause: AttemptCause): Promise<Attempt | null> {
    const { clock, prepare } = this.#deps;
    const send = call.leftOutBytes !== undefined ? await this.#readAndPrepare(callback, call) : prepare(callback(), call);
    if (send === null) return null;
    const startedAt = clock.now();
    const began = clock.monotonicMs();
    const result = await send();
    const durationMs = Math.round(clock.monotonicMs() - began);
    const number = call.attemptCount + 1;
    return { number, startedAt: notAhead(startedAt, clock.now(), durationMs), durationMs, cause, result };
  }

  /**
   * One at a time, with a turn for the connections in between: many at once take so long that connecting times out. Only the request is
   * kept of what is read, so that a large body is in memory once.
   */
  #readAndPrepare(callback: () => Callback, call: Call): Promise<(() => Promise<DeliveryResult>) | null> {
    const { clock, store, prepare } = this.#deps;
    const read = async () => {
      await clock.nextTurn();
      const whole = await store.findCall(call.callbackId, call.id);
      return whole && isUnchanged(call, whole) ? prepare(callback(), whole) : null;
    };
    const next = this.#lastRead.then(read);
    this.#lastRead = next.catch(() => undefined);
    return next;
  }
}

/** Reading it may have taken a while: a mark must be noticed within a second (docs/dispatcher.md, A call, Rule 6). */
function isUnchanged(before: Call, after: Call): boolean {
  return before.status === after.status && before.attemptCount === after.attemptCount && before.due?.cause === after.due?.cause;
}

/** When an attempt began; by a clock that was set back since, so that it doesn't end later than now. */
function notAhead(startedAt: number, endedAt: number, durationMs: number): number {
  return startedAt + durationMs <= endedAt + CLOCKS_APART_MS ? startedAt : endedAt - durationMs;
}
