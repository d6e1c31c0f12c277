import type { MaySend } from "../../delivery/deliverer.js";
import type { Attempt, AttemptCause, DeliveryResult } from "../../domain/attempt.js";
import type { Call } from "../../domain/call.js";
import type { Callback } from "../../domain/callback.js";
import type { Clock } from "../../platform/clock.js";
import type { Store } from "../../store/store.js";
import type { TakenCall } from "./prefetched-calls.js";

export interface CallSenderDeps {
  readonly clock: Clock;
  readonly store: Pick<Store, "findCall">;
  /** Throws if it can't be built. */
  prepare(callback: Callback, call: Call): PreparedDelivery;
}

export interface PreparedDelivery {
  /** In memory, at most. */
  readonly bodyBytes: number;
  /** Resolves to null if nothing was sent, as `maySend` didn't permit it. */
  send(maySend: MaySend): Promise<DeliveryResult | null>;
}

export interface SendingEndpoint {
  /** Of this moment. */
  readonly callback: Callback;
  /** Whether there is room for a request of `bodyBytes`. */
  mayHold(taken: TakenCall, bodyBytes: number): boolean;
  readonly mayStillSend: MaySend;
}

export interface SentAttempt {
  readonly attempt: Attempt;
  /** As it was when the request was built. */
  readonly sentTo: Callback;
}

interface PreparedCall {
  readonly delivery: PreparedDelivery;
  readonly sentTo: Callback;
}

/** The clocks may differ by this much over one request. */
const CLOCKS_APART_MS = 1_000;
/** After a longer read, what it found may be out of date: a mark must be noticed within a second. */
export const SLOW_READ_MS = 500;

export class CallSender {
  readonly #deps: CallSenderDeps;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(deps: CallSenderDeps) {
    this.#deps = deps;
  }

  /**
   * Null: perhaps marked, changed or deleted before it was sent, or there is no room for the request. Rejects if our side failed: no attempt
   * (docs/dispatcher.md, A call, Rule 3).
   */
  async attempt(taken: TakenCall, cause: AttemptCause, endpoint: SendingEndpoint): Promise<SentAttempt | null> {
    const { clock } = this.#deps;
    const { call } = taken;
    const isWhole = call.leftOutBytes === undefined;
    const prepared = isWhole ? this.#prepare(call, endpoint) : await this.#readAndPrepare(call, endpoint);
    if (prepared === null || !endpoint.mayHold(taken, prepared.delivery.bodyBytes)) return null;
    const startedAt = clock.now();
    const began = clock.monotonicMs();
    const result = await prepared.delivery.send(endpoint.mayStillSend);
    if (result === null) return null;
    const durationMs = Math.round(clock.monotonicMs() - began);
    const number = call.attemptCount + 1;
    const attempt = { number, startedAt: notAhead(startedAt, clock.now(), durationMs), durationMs, cause, result };
    return { attempt, sentTo: prepared.sentTo };
  }

  #prepare(call: Call, { callback }: SendingEndpoint): PreparedCall {
    return { delivery: this.#deps.prepare(callback, call), sentTo: callback };
  }

  /**
   * One at a time, with a turn of the event loop in between: otherwise connecting times out. Keeps only the request: a large body is in
   * memory once.
   */
  #readAndPrepare(call: Call, endpoint: SendingEndpoint): Promise<PreparedCall | null> {
    const { clock, store } = this.#deps;
    const read = async () => {
      await clock.nextTurn();
      const began = clock.monotonicMs();
      const findCall = () => store.findCall(call.callbackId, call.id);
      const first = await findCall();
      const whole = clock.monotonicMs() - began > SLOW_READ_MS ? await findCall() : first;
      return whole && isUnchanged(call, whole) ? this.#prepare(whole, endpoint) : null;
    };
    const next = this.#lastRead.then(read);
    this.#lastRead = next.catch(() => undefined);
    return next;
  }
}

/** A mark must be noticed within a second (docs/dispatcher.md, A call, Rule 6). */
function isUnchanged(before: Call, after: Call): boolean {
  return before.status === after.status && before.sentAt === after.sentAt && before.due?.cause === after.due?.cause;
}

/** After the clock was set back: doesn't end later than now. */
function notAhead(startedAt: number, endedAt: number, durationMs: number): number {
  return startedAt + durationMs <= endedAt + CLOCKS_APART_MS ? startedAt : endedAt - durationMs;
}
