/** Whether sending has come to an end before its calls did, and why: thrown once, by whoever sees a reason first. */
import type { WhcbError } from "../../domain/errors.js";
import type { StopReason } from "../journal/run-event.js";

export class StopSignal {
  reason: StopReason | null = null;
  error: WhcbError | null = null;
  readonly #controller = new AbortController();
  readonly #onStop: (reason: StopReason) => void;

  constructor(onStop: (reason: StopReason) => void) {
    this.#onStop = onStop;
  }

  /** Aborted once it is thrown: ends waits, and no request. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(reason: StopReason, error: WhcbError | null = null): void {
    if (this.reason !== null) return;
    this.reason = reason;
    this.error = error;
    this.#onStop(reason);
    this.#controller.abort();
  }
}
