import type { Deliverer, Delivery, MaySend } from "../delivery/deliverer.js";
import type { Attempt, DeliveryResult } from "../domain/attempt.js";
import type { Call } from "../domain/call.js";
import { type Callback, hasSameSettings, runningPause } from "../domain/callback.js";
import type { Clock } from "../platform/clock.js";
import type { Store } from "../store/open-store.js";
import { addressDelivery, buildBody, signDelivery } from "../wire/delivery-request.js";
import type { DeliverySettings } from "../wire/delivery-settings.js";
import type { LongXml } from "../wire/xml/xml-write.js";
import { STALE_AFTER_MS, type TakenCall } from "./endpoint/take-call.js";

/** Builds the request of a call, or throws if it can't be built. */
export type Prepare = (callback: Callback, call: Call) => PreparedDelivery;

export interface PreparedDelivery {
  /** The body takes this much memory at most. */
  readonly bodyBytes: number;
  /** Resolves to null if nothing was sent because `maySend` didn't permit it. */
  send(maySend: MaySend): Promise<DeliveryResult | null>;
}

/** What the dispatcher knows of a call that it has taken, without reading the store. */
export interface KnownOfCall {
  /** Whether its callback is this dispatcher's at this moment, and isn't paused. */
  mayBegin(): boolean;
  /** It is false if the call may have been marked, or its callback changed, over a second ago. */
  isUnchanged(): boolean;
}

export interface CallSenderDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly prepare: Prepare;
}

/** The clocks may differ by this much over one request. */
const CLOCKS_APART_MS = 1_000;
/** After a longer read, what it found may be out of date: a mark, a pause or a change must be noticed within a second. */
export const SLOW_READ_MS = 500;
const SMALL_BODY_LENGTH = 64 * 1024;

/** Its promises reject if our side failed, which is no attempt (docs/dispatcher.md, A call, Rule 3). */
export class CallSender {
  readonly #deps: CallSenderDeps;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(deps: CallSenderDeps) {
    this.#deps = deps;
  }

  /**
   * Reads a response that was left out, and keeps only its request, so a large body is in memory once. Resolves to null if the call may
   * have been marked, changed or deleted meanwhile, or its callback changed or paused. Reads go one at a time, with a turn of the event
   * loop in between, as connecting would time out otherwise. The endpoint's settings may change during the read.
   */
  readAndPrepare(call: Call, endpoint: { readonly callback: Callback }): Promise<PreparedDelivery | null> {
    const { clock, store, prepare } = this.#deps;
    const takenAt = clock.monotonicMs();
    const read = async () => {
      await clock.nextTurn();
      const began = clock.monotonicMs();
      const findCall = () => store.calls.find(call.callbackId, call.id);
      const first = await findCall();
      const whole = clock.monotonicMs() - began > SLOW_READ_MS ? await findCall() : first;
      // The process may have been stopped while the call waited for its turn.
      const isLate = clock.monotonicMs() - takenAt > SLOW_READ_MS;
      const callback = isLate ? await store.callbacks.find(call.callbackId) : endpoint.callback;
      // The dispatcher may not know yet that it was changed.
      if (!this.#isAsBefore(callback, endpoint.callback)) return null;
      return whole && isUnchanged(call, whole) ? prepare(endpoint.callback, whole) : null;
    };
    const next = this.#lastRead.then(read);
    this.#lastRead = next.catch(() => undefined);
    return next;
  }

  #isAsBefore(callback: Callback | null, before: Callback): boolean {
    return callback !== null && hasSameSettings(callback, before) && runningPause(callback, this.#deps.clock.now()) === null;
  }

  /** Resolves to null if nothing was sent, because the call may have been marked, changed or deleted, or its callback changed or paused. */
  async send(delivery: PreparedDelivery, taken: TakenCall, known: KnownOfCall): Promise<Attempt | null> {
    const { clock } = this.#deps;
    const { call, cause } = taken;
    const startedAt = clock.now();
    const began = clock.monotonicMs();
    const result = await delivery.send(this.#guard(taken, known));
    if (result === null) return null;
    const durationMs = Math.round(clock.monotonicMs() - began);
    const number = call.attemptCount + 1;
    return { number, startedAt: notAhead(startedAt, clock.now(), durationMs), durationMs, cause, result };
  }

  /** Connecting may take long, and a resend may come a minute later. */
  #guard({ call, sentTo }: TakenCall, known: KnownOfCall): MaySend {
    const { clock } = this.#deps;
    let checkedAt = clock.monotonicMs();
    return (stoppedMs) => {
      if (stoppedMs > STALE_AFTER_MS || !known.mayBegin()) return false;
      if (clock.monotonicMs() - checkedAt <= SLOW_READ_MS || known.isUnchanged()) return true;
      checkedAt = clock.monotonicMs();
      return this.#isStored(call, sentTo).then(
        (isStored) => isStored && clock.monotonicMs() - checkedAt <= SLOW_READ_MS,
        () => false,
      );
    };
  }

  /** Whether the store has the call and its callback as they were taken. */
  async #isStored(call: Call, sentTo: Callback): Promise<boolean> {
    const { store } = this.#deps;
    if (!this.#isAsBefore(await store.callbacks.find(call.callbackId), sentTo)) return false;
    const stored = await store.calls.find(call.callbackId, call.id, 0);
    return stored !== null && isUnchanged(call, stored);
  }
}

/** Prepares calls as they are sent to real endpoints. */
export function prepareWith(deliverer: Deliverer, settings: DeliverySettings, clock: Pick<Clock, "now">): Prepare {
  const now = () => clock.now();
  return (callback, { id, response }) => {
    const body = buildBody(callback, response, settings.bodyNames);
    let text: typeof body | null = body;
    return {
      bodyBytes: bytesOf(body),
      send: async (maySend) => {
        const unsigned = addressDelivery(callback, { id, body: text && bodyToSend(text) }, settings);
        const request = signDelivery(unsigned, callback.signingSecrets, now);
        // In flight, the body is in memory once.
        text = null;
        const delivery = await deliverer.deliverIf(maySend, request);
        return delivery && keptResult(delivery);
      },
    };
  };
}

/** A large body that is text would be in memory twice. */
function bodyToSend(text: string | LongXml): string | Uint8Array {
  if (typeof text !== "string") return text.toBytes();
  return text.length > SMALL_BODY_LENGTH ? Buffer.from(text) : text;
}

function bytesOf(text: string | LongXml): number {
  if (typeof text !== "string") return text.byteLength;
  return text.length > SMALL_BODY_LENGTH ? Buffer.byteLength(text) : text.length * 2;
}

/** A mark must be noticed within a second (docs/dispatcher.md, A call, Rule 6). */
function isUnchanged(before: Call, after: Call): boolean {
  return before.status === after.status && before.sentAt === after.sentAt && before.due?.cause === after.due?.cause;
}

/** Once the clock was set back, an attempt must not end later than now. */
function notAhead(startedAt: number, endedAt: number, durationMs: number): number {
  return startedAt + durationMs <= endedAt + CLOCKS_APART_MS ? startedAt : endedAt - durationMs;
}

/** What the endpoint said of a retry is kept with its answer. */
function keptResult({ result, retryAfterMs }: Delivery): DeliveryResult {
  return result.kind === "answered" && retryAfterMs !== null ? { ...result, retryAfterMs } : result;
}
