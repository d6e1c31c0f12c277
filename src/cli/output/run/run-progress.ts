import type { Clock } from "../../../platform/clock.js";
import type { RunCounts } from "../../../runs/journal/run-step.js";

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Over the last seconds; null before anything is done. */
  readonly perSecond: number | null;
  readonly leftMs: number | null;
}

const WINDOW_MS = 5_000;
const SAMPLE_MS = 250;

export class RunProgress {
  readonly #clock: Clock;
  readonly #total: number;
  readonly #openAtStart: number;
  #done = 0;
  #samples: { readonly atMs: number; readonly done: number }[];

  constructor(clock: Clock, total: number, start: RunCounts) {
    this.#clock = clock;
    this.#total = total;
    this.#openAtStart = openCalls(start);
    this.#samples = [{ atMs: clock.monotonicMs(), done: 0 }];
  }

  update(counts: RunCounts): void {
    const done = this.#openAtStart - openCalls(counts);
    if (done === this.#done) return;
    this.#done = done;
    const atMs = this.#clock.monotonicMs();
    const last = this.#samples.at(-1);
    if (last !== undefined && atMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push({ atMs, done });
    while (this.#samples.length > 1 && atMs - (this.#samples[0]?.atMs ?? atMs) > WINDOW_MS) this.#samples.shift();
  }

  read(): Progress {
    const done = this.#done;
    const [first] = this.#samples;
    const elapsedMs = first === undefined ? 0 : this.#clock.monotonicMs() - first.atMs;
    const perSecond =
      first !== undefined && elapsedMs > 0 && done > first.done ? ((done - first.done) * 1_000) / elapsedMs : null;
    return {
      done,
      total: this.#total,
      perSecond,
      leftMs: perSecond === null ? null : Math.max(0, Math.round(((this.#total - done) * 1_000) / perSecond)),
    };
  }
}

function openCalls({ left, unknown }: RunCounts): number {
  return left + unknown;
}
