/** Makes one request to an endpoint, with the whole response in hand, and says what came of it. */
import type { Attempt, AttemptCause, DeliveryResult } from "../domain/attempt.js";
import type { Call } from "../domain/call.js";
import type { Callback } from "../domain/callback.js";
import type { Clock } from "../platform/clock.js";
import type { Store } from "../store/store.js";

export interface CallSenderDeps {
  readonly clock: Clock;
  readonly store: Pick<Store, "findCall">;
  /** Makes the request. */
  send(callback: Callback, call: Call): Promise<DeliveryResult>;
}

/** The wall clock and the monotonic one may differ by as much over one request without either having been set. */
const CLOCKS_APART_MS = 1_000;

export class CallSender {
  readonly #deps: CallSenderDeps;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(deps: CallSenderDeps) {
    this.#deps = deps;
  }

  /** Null: the call was deleted before it was sent. Rejects where our side failed: that is no attempt (docs/dispatcher.md, A call, Rule 3). */
  async attempt(callback: Callback, call: Call, cause: AttemptCause): Promise<Attempt | null> {
    const { clock, send } = this.#deps;
    const whole = call.isAbridged ? await this.#readWhole(callback.id, call.id) : call;
    if (whole === null) return null;
    const startedAt = clock.now();
    const began = clock.monotonicMs();
    const result = await send(callback, whole);
    const durationMs = Math.round(clock.monotonicMs() - began);
    const number = call.attemptCount + 1;
    return { number, startedAt: notAhead(startedAt, clock.now(), durationMs), durationMs, cause, result };
  }

  /** One at a time, with a turn for the connections in between: many at once take so long that connecting times out. */
  #readWhole(callbackId: string, callId: string): Promise<Call | null> {
    const { clock, store } = this.#deps;
    const read = this.#lastRead.then(() => clock.nextTurn()).then(() => store.findCall(callbackId, callId));
    this.#lastRead = read.catch(() => undefined);
    return read;
  }
}

/** When an attempt began; by a clock that was set back since, so that it doesn't end later than now. */
function notAhead(startedAt: number, endedAt: number, durationMs: number): number {
  return startedAt + durationMs <= endedAt + CLOCKS_APART_MS ? startedAt : endedAt - durationMs;
}
