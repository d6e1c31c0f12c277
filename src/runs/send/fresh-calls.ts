import { MAX_IDS_PER_REQUEST } from "../../wire/bulk-ids.js";
import type { PlannedCall } from "../plan/snapshot-file.js";
import type { RunDeps } from "../run-deps.js";
import type { ReplayOptions } from "../run-options.js";

/** What was found out this long ago counts. Marks wait for each other as long. */
const FRESH_MS = 1_000;

/**
 * Looks at the calls again right before they are sent: the service, or somebody else, may have settled some since they were listed. One request
 * asks for all that come next, if the service answers for many at once. Another receiver than the callback's gets what was listed.
 */
export class FreshCalls {
  readonly #callbackId: string;
  readonly #isWanted: boolean;
  readonly #deps: RunDeps;
  /** They were read, and come next. */
  readonly #upcoming = new Set<string>();
  #failed: ReadonlySet<string> = new Set();
  #asked: ReadonlySet<string> = new Set();
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ callbackId, options }: { readonly callbackId: string; readonly options: ReplayOptions }, deps: RunDeps) {
    this.#callbackId = callbackId;
    this.#isWanted = options.to === null || options.mark;
    this.#deps = deps;
  }

  async *read(calls: AsyncIterable<PlannedCall>): AsyncGenerator<PlannedCall> {
    let chunk: PlannedCall[] = [];
    for await (const call of calls) {
      this.#upcoming.add(call.id);
      if (chunk.push(call) < MAX_IDS_PER_REQUEST) continue;
      yield* chunk;
      chunk = [];
    }
    yield* chunk;
  }

  /** Throws what the client throws. */
  async isSettled(callId: string): Promise<boolean> {
    this.#upcoming.delete(callId);
    if (!this.#isWanted) return false;
    const nowMs = this.#deps.clock.monotonicMs();
    if (!this.#asked.has(callId) || nowMs - this.#askedAtMs > FRESH_MS) {
      const ids = [callId, ...[...this.#upcoming].slice(0, MAX_IDS_PER_REQUEST - 1)];
      const states = await this.#deps.client.findStates(this.#callbackId, ids);
      this.#askedAtMs = nowMs;
      this.#asked = new Set(ids);
      this.#failed = new Set(ids.filter((id) => states === null || states.get(id)?.status === "FAILED"));
    }
    return !this.#failed.has(callId);
  }
}
