/** An endpoint's calls that were read from the store and not sent yet, and which of them goes next. */
import type { Call } from "../domain/call.js";

/** While there is a backlog, one request in this many is for new responses. */
const FRESH_EVERY = 4;

export interface NextCall {
  readonly call: Call;
  readonly from: "probe" | "fresh" | "backlog";
}

export class PrefetchedCalls {
  /** New responses. */
  readonly fresh = new CallQueue();
  /** Failed calls whose retry is due, or that a round or a drain takes along. */
  readonly backlog = new CallQueue();
  readonly probe = new CallQueue();
  #taken = 0;

  get isEmpty(): boolean {
    return this.fresh.length === 0 && this.backlog.length === 0 && this.probe.length === 0;
  }

  /** Whether any of it was read before this instant of the monotonic clock. */
  isOlderThan(instant: number): boolean {
    return this.fresh.isOlderThan(instant) || this.backlog.isOlderThan(instant) || this.probe.isOlderThan(instant);
  }

  /** Takes the call that goes next; those of the backlog that fail `mayGo` are dropped. */
  take(mayGo: (call: Call) => boolean): NextCall | undefined {
    const next = this.#next(mayGo);
    if (next) this.#taken += 1;
    return next;
  }

  clear(): void {
    this.fresh.clear();
    this.backlog.clear();
    this.probe.clear();
  }

  #next(mayGo: (call: Call) => boolean): NextCall | undefined {
    const probe = this.probe.take();
    if (probe) return { call: probe, from: "probe" };
    const isFreshNext = this.fresh.length > 0 && this.#taken % FRESH_EVERY === FRESH_EVERY - 1;
    for (let call = isFreshNext ? undefined : this.backlog.take(); call; call = this.backlog.take()) {
      if (mayGo(call)) return { call, from: "backlog" };
    }
    const fresh = this.fresh.take();
    return fresh && { call: fresh, from: "fresh" };
  }
}

/** First in, first out. */
class CallQueue {
  #calls: readonly Call[] = [];
  #next = 0;
  #readAt = 0;

  get length(): number {
    return this.#calls.length - this.#next;
  }

  /** Replaces what is left, since a newer batch is closer to the truth. `readAt` is on the monotonic clock. */
  fill(calls: readonly Call[], readAt: number): void {
    this.#calls = calls;
    this.#next = 0;
    this.#readAt = readAt;
  }

  take(): Call | undefined {
    const call = this.#calls[this.#next];
    if (call) this.#next += 1;
    return call;
  }

  has(callSeq: number): boolean {
    return this.length > 0 && this.#calls.some(({ seq }, index) => index >= this.#next && seq === callSeq);
  }

  clear(): void {
    this.fill([], 0);
  }

  isOlderThan(instant: number): boolean {
    return this.length > 0 && this.#readAt < instant;
  }
}
