/** The counts of a run while it works, kept without keeping its calls. */
import { NO_COUNTS, sumCounts } from "./run-counts.js";
import type { SkipReason } from "./run-event.js";
import type { RunCounts } from "./run-record.js";

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
type Tally = Writable<Omit<RunCounts, "skipped">> & { skipped: Writable<RunCounts["skipped"]> };

export class RunTally {
  readonly #tallies = new Map<string, Tally>();

  /** `counts`: from earlier sessions, or what is planned. */
  constructor(callbacks: readonly { readonly id: string; readonly counts: RunCounts }[]) {
    for (const { id, counts } of callbacks) this.#tallies.set(id, { ...counts, skipped: { ...counts.skipped } });
  }

  accepted(callbackId: string, needsMark: boolean): void {
    const tally = this.#of(callbackId);
    tally.left--;
    tally.accepted++;
    if (needsMark) tally.toMark++;
  }

  refused(callbackId: string): void {
    const tally = this.#of(callbackId);
    tally.left--;
    tally.refused++;
  }

  requested(callbackId: string, calls: number): void {
    const tally = this.#of(callbackId);
    tally.left -= calls;
    tally.requested += calls;
  }

  skipped(callbackId: string, reason: SkipReason, from: "left" | "unknown"): void {
    const tally = this.#of(callbackId);
    tally[from]--;
    tally.skipped[reason]++;
  }

  /** Calls whose outcome wasn't known are to be sent again. */
  willResend(callbackId: string, calls: number): void {
    const tally = this.#of(callbackId);
    tally.unknown -= calls;
    tally.left += calls;
  }

  /** `from`: what the calls counted as; only a run of marks has them left. */
  marked(callbackId: string, calls: number, from: "left" | "accepted" | "seen"): void {
    const tally = this.#of(callbackId);
    if (from === "left") tally.left -= calls;
    tally.marked += calls;
    tally.toMark -= calls;
  }

  unmarkable(callbackId: string, from: "left" | "accepted" | "seen"): void {
    const tally = this.#of(callbackId);
    tally[from]--;
    tally.unmarkable++;
    tally.toMark--;
  }

  counts(callbackId: string): RunCounts {
    const tally = this.#of(callbackId);
    return { ...tally, skipped: { ...tally.skipped } };
  }

  total(): RunCounts {
    return sumCounts([...this.#tallies.keys()].map((id) => this.counts(id)));
  }

  #of(callbackId: string): Tally {
    const known = this.#tallies.get(callbackId);
    if (known !== undefined) return known;
    const fresh: Tally = { ...NO_COUNTS, skipped: { ...NO_COUNTS.skipped } };
    this.#tallies.set(callbackId, fresh);
    return fresh;
  }
}
