import type { Call } from "../../domain/call.js";
import { CALL_BYTES, type DeliveryBudget, prefetchedBytes } from "../delivery-budget.js";
import type { Sender } from "../send-slots.js";

/** What was read longer ago is read again: a mark may have come. */
export const STALE_AFTER_MS = 1_000;
/** With a backlog, one in this many is a new response. */
const FRESH_EVERY = 4;

export interface TakenCall {
  readonly call: Call;
  readonly from: QueueName;
  /** In memory until the request ends: expected until it is built. */
  bodyBytes: number;
  isOfRound: boolean;
}

/** `backlog`: failed calls that are due, or in a round or drain. */
export type QueueName = "probe" | "fresh" | "backlog";

export class PrefetchedCalls {
  readonly #queues = { probe: new CallQueue(), fresh: new CallQueue(), backlog: new CallQueue() };
  readonly #owner: Sender;
  readonly #budget: DeliveryBudget<Sender>;
  #taken = 0;
  #countedBytes = 0;
  /** Of the last body read for its request: built size by stored size. Escaping may multiply it. */
  #growth = 1;

  constructor(owner: Sender, budget: DeliveryBudget<Sender>) {
    this.#owner = owner;
    this.#budget = budget;
  }

  get probe(): CallQueue {
    return this.#queues.probe;
  }

  get fresh(): CallQueue {
    return this.#queues.fresh;
  }

  get backlog(): CallQueue {
    return this.#queues.backlog;
  }

  get isEmpty(): boolean {
    return this.fresh.length === 0 && this.backlog.length === 0 && this.probe.length === 0;
  }

  /** `instant` is monotonic. */
  isOlderThan(instant: number): boolean {
    return this.fresh.isOlderThan(instant) || this.backlog.isOlderThan(instant) || this.probe.isOlderThan(instant);
  }

  /** A newer batch is more accurate. `readAt` is monotonic. */
  fill(queue: QueueName, calls: readonly Call[], readAt: number): void {
    this.#queues[queue].fill(calls, readAt);
    this.#count();
  }

  /**
   * Without room for the body, the endpoint waits. Drops backlog calls that fail `mayGo`. With nothing to send it stops waiting, unless it
   * `keepsPlace`.
   */
  take(mayGo: (call: Call) => boolean, keepsPlace: boolean): TakenCall | undefined {
    const from = this.#next(mayGo);
    const next = from && this.#queues[from].head;
    if (from === undefined || next === undefined) {
      this.#count();
      if (!keepsPlace) this.stopWaiting();
      return undefined;
    }
    const bodyBytes = this.#holdBody(next);
    if (bodyBytes === null) return undefined;
    this.#queues[from].take();
    this.#taken += 1;
    this.#count();
    return { call: next.call, from, bodyBytes, isOfRound: false };
  }

  /** `bytes`: of the request. False: no room; it must not be sent now. */
  built(next: TakenCall, bytes: number): boolean {
    const { call, bodyBytes } = next;
    const isWhole = call.leftOutBytes === undefined;
    // Half of what was expected is the call itself, half its request.
    if (isWhole && bytes <= bodyBytes / 2) return true;
    const total = bytes + (isWhole ? bodyBytes / 2 : CALL_BYTES);
    if (call.leftOutBytes) this.#growth = Math.max(1, bytes / call.leftOutBytes);
    if (isWhole) this.#budget.resize(this.#owner, bodyBytes, total);
    else if (!this.#budget.tryResize(this.#owner, bodyBytes, total)) return false;
    next.bodyBytes = total;
    return true;
  }

  release({ bodyBytes }: TakenCall): void {
    this.#budget.release(this.#owner, bodyBytes);
  }

  stopWaiting(): void {
    this.#budget.leave(this.#owner);
  }

  clear(): void {
    for (const queue of Object.values(this.#queues)) queue.clear();
    this.#count();
  }

  #next(mayGo: (call: Call) => boolean): QueueName | undefined {
    if (this.probe.length > 0) return "probe";
    const isFreshNext = this.fresh.length > 0 && this.#taken % FRESH_EVERY === FRESH_EVERY - 1;
    if (!isFreshNext) {
      for (let next = this.backlog.head; next; next = this.backlog.head) {
        if (mayGo(next.call)) return "backlog";
        this.backlog.take();
      }
    }
    return this.fresh.length > 0 ? "fresh" : undefined;
  }

  /** Null: no room. The request of a prefetched call takes about as much again. */
  #holdBody({ call: { leftOutBytes }, bytes }: PrefetchedCall): number | null {
    const isWhole = leftOutBytes === undefined;
    const expected = isWhole ? 2 * bytes : Math.ceil(leftOutBytes * this.#growth) + 2 * CALL_BYTES;
    return this.#budget.tryHold(this.#owner, expected, isWhole ? bytes : 0) ? expected : null;
  }

  #count(): void {
    const before = this.#countedBytes;
    this.#countedBytes = this.fresh.bytes + this.backlog.bytes + this.probe.bytes;
    this.#budget.changePrefetched(this.#countedBytes - before);
  }
}

interface PrefetchedCall {
  readonly call: Call;
  readonly bytes: number;
}

class CallQueue {
  #calls: readonly PrefetchedCall[] = [];
  #next = 0;
  #readAt = 0;
  #bytes = 0;

  get length(): number {
    return this.#calls.length - this.#next;
  }

  fill(calls: readonly Call[], readAt: number): void {
    this.#calls = calls.map((call) => ({ call, bytes: prefetchedBytes(call) }));
    this.#next = 0;
    this.#bytes = this.#calls.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#readAt = readAt;
  }

  get head(): PrefetchedCall | undefined {
    return this.#calls[this.#next];
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(): void {
    this.#bytes -= this.head?.bytes ?? 0;
    if (this.length > 0) this.#next += 1;
  }

  has(callSeq: number): boolean {
    return this.length > 0 && this.#calls.some(({ call }, index) => index >= this.#next && call.seq === callSeq);
  }

  clear(): void {
    this.fill([], 0);
  }

  isOlderThan(instant: number): boolean {
    return this.length > 0 && this.#readAt < instant;
  }
}
