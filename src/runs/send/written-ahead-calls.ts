/** Calls whose "sent" line is on disk: only these may be sent, and in this order. */
import type { Clock } from "../../platform/clock.js";
import type { Journal } from "../journal/journal.js";
import { journalText } from "../journal/journal-line.js";
import type { PlannedCall } from "../plan/replay-plan.js";
import type { CallChooser } from "./call-chooser.js";

export class WrittenAheadCalls {
  readonly #chooser: CallChooser;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #most: number;
  /** How many are announced ahead: few at first, and twice as many each time that a send had to wait for the disk. */
  #ahead = 1;
  #ready: PlannedCall[] = [];
  #taken = 0;
  #underWay = 0;
  #refill: Promise<void> | null = null;
  #refillError: unknown = null;
  /** Nothing could be chosen: before a call under way is settled there is no use in asking again. */
  #isDry = false;
  #onChange: () => void = () => {};

  /** `most`: calls announced ahead. They hide the disk's latency, and count as unknown after a power cut: so no more than it takes. */
  constructor(chooser: CallChooser, journal: Journal, clock: Clock, most: number) {
    this.#chooser = chooser;
    this.#journal = journal;
    this.#clock = clock;
    this.#most = most;
  }

  /** The next call to send; null when there is none and none will come. Throws what the journal or the snapshot threw. */
  async next(): Promise<PlannedCall | null> {
    for (;;) {
      if (this.#refillError !== null) throw this.#refillError;
      const call = this.#ready[this.#taken];
      if (this.#ready.length - this.#taken <= this.#ahead / 2) this.#startRefill();
      if (call !== undefined) {
        this.#taken++;
        this.#underWay++;
        return call;
      }
      if (this.#refill === null && this.#underWay === 0 && this.#chooser.isDone) return null;
      if (this.#refill !== null && this.#underWay > 0) this.#ahead = Math.min(this.#ahead * 2, this.#most);
      await (this.#refill ?? new Promise<void>((resolve) => (this.#onChange = resolve)));
    }
  }

  settled(call: PlannedCall, isAccepted: boolean): void {
    this.#chooser.settled(call, isAccepted);
    this.#leave();
  }

  /** To be announced and sent again. */
  deferred(call: PlannedCall): void {
    this.#chooser.putBack(call);
    this.#leave();
  }

  #leave(): void {
    this.#underWay--;
    this.#isDry = false;
    this.#onChange();
  }

  #startRefill(): void {
    if (this.#refill !== null || this.#refillError !== null || this.#isDry || this.#chooser.isDone) return;
    this.#refill = this.#announce()
      .catch((error: unknown) => {
        this.#refillError = error;
      })
      .finally(() => {
        this.#refill = null;
      });
  }

  async #announce(): Promise<void> {
    const chosen = await this.#chooser.choose(Math.max(1, this.#ahead - (this.#ready.length - this.#taken)));
    this.#isDry = chosen.length === 0;
    if (this.#isDry) return;
    const at = this.#clock.now();
    this.#journal.appendText(chosen.map(({ id }) => journalText({ step: "sent", call: id, at })).join(""));
    await this.#journal.flushed();
    this.#ready = this.#ready.slice(this.#taken);
    this.#taken = 0;
    this.#ready.push(...chosen);
  }
}
