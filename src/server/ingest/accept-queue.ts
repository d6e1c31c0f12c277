/** One flush to disk for many requests. */
import { isWhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import type { CallStore, NewCall } from "../../store/store.js";

/** Per transaction. A request's calls are never split. */
const MAX_GROUP_CALLS = 2000;
const MAX_GROUP_BYTES = 4 * 1024 * 1024;

/** Of the event loop. */
const MAX_TURNS = 16;

interface Waiter {
  readonly calls: readonly NewCall[];
  /** Approximate. */
  readonly bytes: number;
  readonly resolve: (accepted: number) => void;
  readonly reject: (error: unknown) => void;
}

export interface AcceptQueueDeps {
  readonly store: Pick<CallStore, "acceptCalls">;
  readonly clock: Clock;
  /** `count`: new calls. */
  onAccepted(callbackId: string, count: number): void;
}

export class AcceptQueue {
  readonly #deps: AcceptQueueDeps;
  /** By callback, while its loop runs. */
  readonly #waiters = new Map<string, Waiter[]>();

  constructor(deps: AcceptQueueDeps) {
    this.#deps = deps;
  }

  /** New calls, once all are on disk. Throws as `acceptCalls`; then none was stored. */
  accept(callbackId: string, calls: readonly NewCall[], bytes: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(callbackId);
      if (waiters !== undefined) {
        waiters.push({ calls, bytes, resolve, reject });
        return;
      }
      const first: Waiter[] = [{ calls, bytes, resolve, reject }];
      this.#waiters.set(callbackId, first);
      void this.#run(callbackId, first);
    });
  }

  async #run(callbackId: string, waiters: Waiter[]): Promise<void> {
    while (waiters.length > 0) {
      await this.#gather(waiters);
      await this.#commit(callbackId, takeGroup(waiters));
    }
    this.#waiters.delete(callbackId);
  }

  /** Waiting clients send again within a few turns of a commit. */
  async #gather(waiters: readonly Waiter[]): Promise<void> {
    for (let turn = 0, before = 0; turn < MAX_TURNS && waiters.length > before; turn++) {
      before = waiters.length;
      await this.#deps.clock.nextTurn();
    }
  }

  async #commit(callbackId: string, group: readonly Waiter[]): Promise<void> {
    const { store, clock, onAccepted } = this.#deps;
    try {
      const calls = group.flatMap((waiter) => waiter.calls);
      const accepted = await store.acceptCalls(callbackId, calls, clock.now());
      onAccepted(callbackId, accepted.length);
      const left = new Set(accepted);
      // Of an id in two requests, the first is stored.
      for (const { calls, resolve } of group) resolve(calls.filter(({ id }) => left.delete(id)).length);
    } catch (error) {
      // One request's invalid id must not fail the others.
      if (group.length > 1 && isWhcbError(error, "invalid")) {
        for (const waiter of group) await this.#commit(callbackId, [waiter]);
        return;
      }
      for (const waiter of group) waiter.reject(error);
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
