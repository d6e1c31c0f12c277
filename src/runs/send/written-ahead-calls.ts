/** Only calls whose `sent` line is on disk may be sent, in this order. */
import type { PlannedCall } from "../plan/snapshot-file.js";
import type { CallChooser } from "./call-chooser.js";

export class WrittenAheadCalls {
  readonly #chooser: CallChooser;
  readonly #writeAhead: (callIds: readonly string[]) => Promise<void>;
  readonly #most: number;
  /** Doubles each time that a send had to wait for the disk. */
  #ahead = 1;
  #ready: PlannedCall[] = [];
  #taken = 0;
  #inFlight = 0;
  #refill: Promise<void> | null = null;
  #refillError: unknown = null;
  /** Don't ask again before a call in flight is settled. */
  #isDry = false;
  #hasEnded = false;
  #onChange: () => void = () => {};

  /** `most`: these calls count as unknown after a power cut, so no more than hides the disk's latency. */
  constructor(chooser: CallChooser, writeAhead: (callIds: readonly string[]) => Promise<void>, most: number) {
    this.#chooser = chooser;
    this.#writeAhead = writeAhead;
    this.#most = most;
  }

  /** null when none is left. Throws what the journal or the snapshot threw. */
  async next(): Promise<PlannedCall | null> {
    for (;;) {
      if (this.#refillError !== null) throw this.#refillError;
      if (this.#hasEnded) return null;
      const call = this.#ready[this.#taken];
      if (this.#ready.length - this.#taken <= this.#ahead / 2) this.#startRefill();
      if (call !== undefined) {
        this.#taken++;
        this.#inFlight++;
        return call;
      }
      if (this.#refill === null && this.#inFlight === 0 && this.#chooser.isDone) return null;
      if (this.#refill !== null && this.#inFlight > 0) this.#ahead = Math.min(this.#ahead * 2, this.#most);
      await (this.#refill ?? new Promise<void>((resolve) => (this.#onChange = resolve)));
    }
  }

  settled(call: PlannedCall, isAccepted: boolean): void {
    this.#chooser.settled(call, isAccepted);
    this.#leave();
  }

  deferred(call: PlannedCall): void {
    this.#chooser.putBack(call);
    this.#leave();
  }

  /** `next` finds none from now on. Resolves when nothing more is written ahead. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    this.#onChange();
    await this.#refill;
  }

  #leave(): void {
    this.#inFlight--;
    this.#isDry = false;
    this.#onChange();
  }

  #startRefill(): void {
    if (this.#refill !== null || this.#refillError !== null || this.#isDry || this.#chooser.isDone) return;
    this.#refill = this.#fetch()
      .catch((error: unknown) => {
        this.#refillError = error;
      })
      .finally(() => {
        this.#refill = null;
      });
  }

  async #fetch(): Promise<void> {
    const chosen = await this.#chooser.choose(Math.max(1, this.#ahead - (this.#ready.length - this.#taken)));
    this.#isDry = chosen.length === 0;
    if (this.#isDry) return;
    await this.#writeAhead(chosen.map(({ id }) => id));
    this.#ready = this.#ready.slice(this.#taken);
    this.#taken = 0;
    this.#ready.push(...chosen);
  }
}
