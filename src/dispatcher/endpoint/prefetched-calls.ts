import type { Call } from "../../domain/call.js";
import { type DeliveryBudget, prefetchedBytes } from "../delivery-budget.js";
import type { Sender } from "../send-slots.js";

/** With a backlog, one in this many is a new response. */
const FRESH_EVERY = 4;

export interface NextCall {
  readonly call: Call;
  readonly from: QueueName;
  /** In memory until the request ends. */
  readonly bodyBytes: number;
}

/** `backlog`: failed calls that are due, or in a round or drain. */
export type QueueName = "probe" | "fresh" | "backlog";

export class PrefetchedCalls {
  readonly #queues = { probe: new CallQueue(), fresh: new CallQueue(), backlog: new CallQueue() };
  readonly #owner: Sender;
  readonly #budget: DeliveryBudget<Sender>;
  #taken = 0;

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
  take(mayGo: (call: Call) => boolean, keepsPlace: boolean): NextCall | undefined {
    const next = this.#next(mayGo);
    if (next === undefined) {
      this.#count();
      if (!keepsPlace) this.stopWaiting();
      return undefined;
    }
    const bodyBytes = this.#holdBody(next.call);
    if (bodyBytes === null) return undefined;
    this.#queues[next.from].take();
    this.#taken += 1;
    this.#count();
    return { ...next, bodyBytes };
  }

  release({ bodyBytes }: NextCall): void {
    this.#budget.release(this.#owner, bodyBytes);
  }

  stopWaiting(): void {
    this.#budget.leave(this.#owner);
  }

  clear(): void {
    for (const queue of Object.values(this.#queues)) queue.clear();
    this.#count();
  }

  #next(mayGo: (call: Call) => boolean): Omit<NextCall, "bodyBytes"> | undefined {
    const [probe] = this.probe.head;
    if (probe) return { call: probe, from: "probe" };
    const [fresh] = this.fresh.head;
    const isFreshNext = fresh !== undefined && this.#taken % FRESH_EVERY === FRESH_EVERY - 1;
    for (let [call] = isFreshNext ? [] : this.backlog.head; call; [call] = this.backlog.head) {
      if (mayGo(call)) return { call, from: "backlog" };
      this.backlog.take();
    }
    return fresh && { call: fresh, from: "fresh" };
  }

  /** Null: no room. A whole prefetched body is in memory already. */
  #holdBody(call: Call): number | null {
    const { leftOutBytes } = call;
    if (leftOutBytes !== undefined) return this.#budget.tryHold(this.#owner, leftOutBytes) ? leftOutBytes : null;
    const bytes = prefetchedBytes(call);
    this.stopWaiting();
    this.#budget.hold(this.#owner, bytes);
    return bytes;
  }

  #count(): void {
    this.#budget.setPrefetched(this.#owner, this.fresh.bytes + this.backlog.bytes + this.probe.bytes);
  }
}

class CallQueue {
  #calls: readonly Call[] = [];
  #next = 0;
  #readAt = 0;
  #bytes = 0;

  get length(): number {
    return this.#calls.length - this.#next;
  }

  fill(calls: readonly Call[], readAt: number): void {
    this.#calls = calls;
    this.#next = 0;
    this.#bytes = calls.reduce((sum, call) => sum + prefetchedBytes(call), 0);
    this.#readAt = readAt;
  }

  get head(): readonly [Call?] {
    const call = this.#calls[this.#next];
    return call ? [call] : [];
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(): void {
    const call = this.#calls[this.#next];
    if (call === undefined) return;
    this.#next += 1;
    this.#bytes -= prefetchedBytes(call);
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
