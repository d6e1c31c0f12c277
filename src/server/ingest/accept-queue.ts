/** Responses of many requests committed together: one flush to disk for all that arrive in a turn of the event loop. */
import { isWhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import type { CallStore, NewCall } from "../../store/store.js";

/** Calls in one transaction, at most (a single request's are never split). */
const LARGEST_GROUP = 2000;

/** Turns of the event loop for which a group may still grow; it ends at the first that brings nothing. */
const MOST_TURNS = 16;

interface Waiting {
  readonly calls: readonly NewCall[];
  readonly resolve: (accepted: number) => void;
  readonly reject: (error: unknown) => void;
}

export interface AcceptQueueDeps {
  readonly store: Pick<CallStore, "acceptCalls">;
  readonly clock: Clock;
  onAccepted(callbackId: string, count: number): void;
}

export class AcceptQueue {
  readonly #deps: AcceptQueueDeps;
  /** By callback; an entry is there while its loop runs. */
  readonly #lines = new Map<string, Waiting[]>();

  constructor(deps: AcceptQueueDeps) {
    this.#deps = deps;
  }

  /** Resolves with how many were new, once all of them are on disk. Throws as `acceptCalls`; then none was kept. */
  accept(callbackId: string, calls: readonly NewCall[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const line = this.#lines.get(callbackId);
      if (line !== undefined) {
        line.push({ calls, resolve, reject });
        return;
      }
      const newLine: Waiting[] = [{ calls, resolve, reject }];
      this.#lines.set(callbackId, newLine);
      void this.#work(callbackId, newLine);
    });
  }

  async #work(callbackId: string, line: Waiting[]): Promise<void> {
    while (line.length > 0) {
      await this.#gather(line);
      await this.#commit(callbackId, takeGroup(line));
    }
    this.#lines.delete(callbackId);
  }

  /** Whoever waits for one answer before the next request sends all at once after a commit: they come in over some turns. */
  async #gather(line: readonly Waiting[]): Promise<void> {
    for (let turn = 0, before = 0; turn < MOST_TURNS && line.length > before; turn++) {
      before = line.length;
      await this.#deps.clock.nextTurn();
    }
  }

  async #commit(callbackId: string, group: readonly Waiting[]): Promise<void> {
    const { store, clock, onAccepted } = this.#deps;
    try {
      const calls = group.flatMap((waiting) => waiting.calls);
      const accepted = await store.acceptCalls(callbackId, calls, clock.now());
      onAccepted(callbackId, accepted);
      for (const waiting of group) waiting.resolve(waiting.calls.length);
    } catch (error) {
      // One request's bad id must not refuse its neighbours: alone, each gets its own answer.
      if (group.length > 1 && isWhcbError(error, "invalid")) {
        for (const waiting of group) await this.#commit(callbackId, [waiting]);
        return;
      }
      for (const waiting of group) waiting.reject(error);
    }
  }
}

function takeGroup(line: Waiting[]): Waiting[] {
  let size = 0;
  let count = 0;
  for (const { calls } of line) {
    if (count > 0 && size + calls.length > LARGEST_GROUP) break;
    size += calls.length;
    count += 1;
  }
  return line.splice(0, count);
}
