/** Many requests share one flush to disk. */
import { isWhcbError } from "../../domain/errors.js";
import type { NewCall, SubmittedCalls } from "../../store/calls/accept-calls.js";
import type { Metrics } from "../operations/metrics.js";
import type { ServerDeps } from "../server-deps.js";

/** A transaction has at most so many calls, but a request's calls are never split. */
const MAX_GROUP_CALLS = 2000;
const MAX_GROUP_BYTES = 4 * 1024 * 1024;

const MAX_EVENT_LOOP_TURNS = 16;

interface Waiter extends SubmittedCalls {
  /** `bytes` is approximate. */
  readonly bytes: number;
  readonly resolve: (accepted: number) => void;
  readonly reject: (error: unknown) => void;
}

export class AcceptQueue {
  readonly #deps: ServerDeps;
  readonly #metrics: Metrics;
  readonly #waiters: Waiter[] = [];
  #isRunning = false;

  constructor(deps: ServerDeps, metrics: Metrics) {
    this.#deps = deps;
    this.#metrics = metrics;
  }

  /** Resolves to the number of new calls once all are on disk. Rejects as `store.calls.accept` does; then none was stored. */
  accept(callbackId: string, calls: readonly NewCall[], bytes: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ callbackId, calls, bytes, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiters.length > 0) {
      await this.#gatherRequests();
      await this.#commitGroup(takeGroup(this.#waiters));
    }
    this.#isRunning = false;
  }

  /** Waiting clients send again within a few turns of a commit. */
  async #gatherRequests(): Promise<void> {
    for (let turn = 0, before = 0; turn < MAX_EVENT_LOOP_TURNS && this.#waiters.length > before; turn++) {
      before = this.#waiters.length;
      await this.#deps.clock.nextTurn();
    }
  }

  async #commitGroup(group: readonly Waiter[]): Promise<void> {
    const { store, clock } = this.#deps;
    try {
      this.#deps.onAccepting();
      const left = new Set(await store.calls.accept(group, clock.now()));
      // If two requests have the same id, the first one is stored.
      const accepted = group.map(({ calls }) => calls.filter(({ id }) => left.delete(id)).length);
      this.#notifyOfCalls(group, accepted);
      for (const [index, { resolve }] of group.entries()) resolve(accepted[index] ?? 0);
    } catch (error) {
      // One request's invalid id or deleted callback must not fail the others.
      if (group.length > 1 && (isWhcbError(error, "invalid") || isWhcbError(error, "not-found"))) {
        for (const waiter of group) await this.#commitGroup([waiter]);
        return;
      }
      for (const waiter of group) waiter.reject(error);
    }
  }

  /** Notifies once per callback. */
  #notifyOfCalls(group: readonly Waiter[], accepted: readonly number[]): void {
    const counts = new Map<string, number>();
    for (const [index, { callbackId }] of group.entries())
      counts.set(callbackId, (counts.get(callbackId) ?? 0) + (accepted[index] ?? 0));
    for (const [callbackId, count] of counts) {
      this.#metrics.accepted(count);
      if (count > 0) this.#deps.onWork(callbackId, "accepted");
    }
  }
}

function takeGroup(waiters: Waiter[]): Waiter[] {
  let [count, callCount, byteCount] = [0, 0, 0];
  for (const { calls, bytes } of waiters) {
    callCount += calls.length;
    byteCount += bytes;
    if (count > 0 && (callCount > MAX_GROUP_CALLS || byteCount > MAX_GROUP_BYTES)) break;
    count += 1;
  }
  return waiters.splice(0, count);
}
