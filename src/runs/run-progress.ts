/** How far a run is, how fast it goes, and how long it will still take. */
import type { Clock } from "../platform/clock.js";
import type { RunEvent } from "./journal/run-event.js";

export interface Progress {
  /** Accepted, refused, requested or skipped. */
  readonly done: number;
  readonly total: number;
  readonly accepted: number;
  readonly refused: number;
  readonly marked: number;
  /** Over the last seconds; null before there is anything to tell. */
  readonly perSecond: number | null;
  readonly leftMs: number | null;
}

const WINDOW_MS = 5_000;
const SAMPLE_MS = 250;

export class RunProgress {
  readonly #clock: Clock;
  readonly #total: number;
  #accepted = 0;
  #refused = 0;
  #marked = 0;
  #other = 0;
  /** How many were done at which instant, over the window. */
  #samples: { readonly atMs: number; readonly done: number }[];

  constructor(clock: Clock, total: number) {
    this.#clock = clock;
    this.#total = total;
    this.#samples = [{ atMs: clock.monotonicMs(), done: 0 }];
  }

  add(event: RunEvent): void {
    if (event.type === "accepted") this.#accepted++;
    else if (event.type === "refused") this.#refused++;
    else if (event.type === "requested") this.#other += event.callIds.length;
    else if (event.type === "skipped") this.#other++;
    else if (event.type === "marked") this.#marked += event.callIds.length;
    else return;
    this.#sample();
  }

  read(): Progress {
    const done = this.#done();
    const [first] = this.#samples;
    const elapsedMs = first === undefined ? 0 : this.#clock.monotonicMs() - first.atMs;
    const perSecond =
      first !== undefined && elapsedMs > 0 && done > first.done ? ((done - first.done) * 1_000) / elapsedMs : null;
    return {
      done,
      total: this.#total,
      accepted: this.#accepted,
      refused: this.#refused,
      marked: this.#marked,
      perSecond,
      leftMs: perSecond === null ? null : Math.max(0, Math.round(((this.#total - done) * 1_000) / perSecond)),
    };
  }

  #done(): number {
    return this.#accepted + this.#refused + this.#other;
  }

  #sample(): void {
    const atMs = this.#clock.monotonicMs();
    const last = this.#samples.at(-1);
    if (last !== undefined && atMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push({ atMs, done: this.#done() });
    while (this.#samples.length > 1 && atMs - (this.#samples[0]?.atMs ?? atMs) > WINDOW_MS) this.#samples.shift();
  }
}
