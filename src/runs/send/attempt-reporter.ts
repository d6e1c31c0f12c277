import type { ReplayAttempt } from "../../client/client.js";
import { isWhcbError } from "../../domain/errors.js";
import { MAX_IDS_PER_REQUEST } from "../../wire/bulk-ids.js";
import { whoRuns } from "../run-deps.js";
import type { RunSession } from "../run-session.js";

export class AttemptReporter {
  readonly #callbackId: string;
  readonly #session: RunSession;
  #waiting: ReplayAttempt[] = [];
  #isSupported = true;
  #work: Promise<void> = Promise.resolve();

  constructor(callbackId: string, session: RunSession) {
    this.#callbackId = callbackId;
    this.#session = session;
  }

  add(attempt: ReplayAttempt): void {
    if (!this.#isSupported) return;
    if (this.#waiting.push(attempt) >= MAX_IDS_PER_REQUEST) this.#report();
  }

  /** Never throws: a run doesn't fail because of the history. */
  async finish(): Promise<void> {
    if (this.#waiting.length > 0) this.#report();
    await this.#work;
  }

  #report(): void {
    const attempts = this.#waiting;
    this.#waiting = [];
    this.#work = this.#work.then(() => this.#post(attempts));
  }

  async #post(attempts: readonly ReplayAttempt[]): Promise<void> {
    if (!this.#isSupported) return;
    const { client } = this.#session.deps;
    try {
      this.#isSupported = await client.recordReplays(this.#callbackId, attempts, whoRuns(this.#session.deps));
    } catch (error) {
      if (!isWhcbError(error)) throw error;
    }
  }
}
