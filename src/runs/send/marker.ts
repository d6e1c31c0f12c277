/** Tells the service what is settled, in chunks, while sending goes on. */

import { asWhcbError } from "../expected-error.js";
import type { RunSession } from "../run-session.js";
import { applyToChunk, CHUNK_SIZE, inChunks } from "./apply-to-chunk.js";
import type { MarkJob } from "./mark-job.js";

/** A call waits no longer than this for its chunk to fill. */
const LONGEST_WAIT_MS = 1_000;

export class Marker {
  readonly #job: MarkJob;
  readonly #session: RunSession;
  readonly #waiting: string[] = [];
  #isEnding = false;
  #hasFailed = false;
  #wake: () => void = () => {};
  readonly #work: Promise<void>;

  constructor(job: MarkJob, session: RunSession) {
    this.#job = job;
    this.#session = session;
    this.#work = this.#run();
    // Told by finish().
    this.#work.catch(() => undefined);
  }

  add(callId: string): void {
    this.#waiting.push(callId);
    if (this.#waiting.length === 1 || this.#waiting.length === CHUNK_SIZE) this.#wake();
  }

  /** Resolves when all that was added is marked, or the service has failed (then the session is stopped). */
  async finish(): Promise<void> {
    this.#isEnding = true;
    this.#wake();
    await this.#work;
  }

  async #run(): Promise<void> {
    while (!this.#hasFailed) {
      if (this.#waiting.length === 0) {
        if (this.#isEnding) return;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      if (this.#waiting.length < CHUNK_SIZE && !this.#isEnding) await this.#waitForMore();
      // What doesn't fill a chunk waits for the next, so that no request is made for a few.
      const { length } = this.#waiting;
      const partial = this.#isEnding || length < CHUNK_SIZE ? 0 : length % CHUNK_SIZE;
      await this.#markAll(this.#waiting.splice(0, length - partial));
    }
  }

  async #waitForMore(): Promise<void> {
    const { clock } = this.#session.deps;
    const enough = new AbortController();
    this.#wake = () => enough.abort();
    await clock.sleepUntil(clock.now() + LONGEST_WAIT_MS, enough.signal);
    this.#wake = () => {};
  }

  async #markAll(callIds: readonly string[]): Promise<void> {
    // The acceptance is on disk before it is told. A journal that can't be written is no reason to leave it untold.
    await this.#session.journal.flushed().catch(() => undefined);
    for await (const chunk of inChunks(callIds)) {
      if (!this.#hasFailed) await this.#markChunk(chunk);
    }
  }

  async #markChunk(callIds: readonly string[]): Promise<void> {
    const { deps } = this.#session;
    const { callbackId, status } = this.#job;
    try {
      const outcomes = applyToChunk(
        callIds,
        (ids) => deps.client.markCalls(callbackId, ids, status),
        () => deps.client.getCallback(callbackId),
      );
      for await (const outcome of outcomes) {
        if (outcome.kind === "done") this.#session.marked(this.#job, outcome.callIds);
        else this.#session.unmarkable(this.#job, outcome.callId, outcome.reason);
      }
    } catch (error) {
      this.#hasFailed = true;
      this.#session.stop.stop("service", asWhcbError(error));
    }
  }
}

/** Marks all of these, in chunks; stops where the session is stopped. */
export async function markAll(job: MarkJob, callIds: Iterable<string>, session: RunSession): Promise<void> {
  const marker = new Marker(job, session);
  for (const id of callIds) marker.add(id);
  await marker.finish();
}
