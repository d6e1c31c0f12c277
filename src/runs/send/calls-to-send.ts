import { idKey } from "../../domain/call.js";
import type { PlannedCall } from "../plan/snapshot-file.js";
import type { ReplayOptions } from "../run-options.js";

/** Hands out calls in the chooser's order. A call may be sent only when its `sent` line is on disk. */
export class WrittenAheadCalls {
  readonly #chooser: CallChooser;
  readonly #writeAhead: (callIds: readonly string[]) => Promise<void>;
  readonly #most: number;
  /** `ahead` doubles each time that a send had to wait for the disk. */
  #ahead = 1;
  #ready: PlannedCall[] = [];
  #taken = 0;
  #inFlight = 0;
  #refill: Promise<void> | null = null;
  #refillError: unknown = null;
  /** Once it is set, the chooser isn't asked again before a call in flight is settled. */
  #isDry = false;
  #hasEnded = false;
  #onChange: () => void = () => {};

  /** `most` calls may be written ahead. They count as unknown after a power cut, so it is no more than hides the disk's latency. */
  constructor(chooser: CallChooser, writeAhead: (callIds: readonly string[]) => Promise<void>, most: number) {
    this.#chooser = chooser;
    this.#writeAhead = writeAhead;
    this.#most = most;
  }

  /** Returns null when none is left. Throws what the journal or the snapshot threw. */
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

  settle(call: PlannedCall, isAccepted: boolean): void {
    this.#chooser.settle(call, isAccepted);
    this.#leave();
  }

  defer(call: PlannedCall): void {
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

/** So many calls are passed over while earlier calls of their keys are in flight. */
const MAX_PASSED_OVER = 1_000;

/** Chooses the calls in order. With `serialBy`, one call of each key is in flight at a time. */
export class CallChooser {
  readonly #source: AsyncIterator<PlannedCall>;
  readonly #serialBy: ReplayOptions["serialBy"];
  readonly #onSkip: (call: PlannedCall) => void;
  readonly #free: PlannedCall[] = [];
  /** They were read to find a canary, and come next, in order. */
  readonly #upcoming: PlannedCall[] = [];
  #rejectedCanaries: readonly PlannedCall[] = [];
  readonly #passedOver = new Map<string, PlannedCall[]>();
  #passedOverCount = 0;
  readonly #busyKeys = new Set<string>();
  /** These keys have a rejected call, so a later one would change the order. */
  readonly #brokenKeys = new Set<string>();
  #isSourceDone = false;

  constructor(source: AsyncIterable<PlannedCall>, serialBy: ReplayOptions["serialBy"], onSkip: (call: PlannedCall) => void) {
    this.#source = source[Symbol.asyncIterator]();
    this.#serialBy = serialBy;
    this.#onSkip = onSkip;
  }

  get isDone(): boolean {
    return this.#isSourceDone && this.#upcoming.length === 0 && this.#free.length === 0 && this.#passedOverCount === 0;
  }

  /** Chooses up to `most` calls, and fewer if none is left or keys are in flight. */
  async choose(most: number): Promise<PlannedCall[]> {
    const chosen = this.#free.splice(0, most);
    if (chosen.length < most && this.#rejectedCanaries.length > 0) await this.#bringForwardCanary();
    while (chosen.length < most && this.#passedOverCount < MAX_PASSED_OVER) {
      const call = this.#upcoming.shift() ?? (await this.#read());
      if (call === null) break;
      if (this.#mayGo(call)) chosen.push(call);
    }
    return chosen;
  }

  /** The next call chosen differs from these in message and sender, or at least in one of them, if there is such a call. */
  setRejectedCanaries(calls: readonly PlannedCall[]): void {
    this.#rejectedCanaries = calls;
  }

  /** With `serialBy`, the first call of each key may come forward. */
  async #bringForwardCanary(): Promise<void> {
    const keys = new Set<string | null>();
    const best = { index: 0, differences: 0 };
    for (let index = 0; index < MAX_PASSED_OVER && best.differences < 2; index++) {
      const call = this.#upcoming[index] ?? (await this.#read());
      if (call === null) break;
      if (index === this.#upcoming.length) this.#upcoming.push(call);
      const key = this.#keyOf(call);
      if (key !== null && keys.has(key)) continue;
      keys.add(key);
      const differences = countDifferences(call, this.#rejectedCanaries);
      if (differences > best.differences) Object.assign(best, { index, differences });
    }
    this.#upcoming.unshift(...this.#upcoming.splice(best.index, 1));
  }

  async #read(): Promise<PlannedCall | null> {
    if (this.#isSourceDone) return null;
    const { value, done } = await this.#source.next();
    if (!done) return value;
    this.#isSourceDone = true;
    return null;
  }

  putBack(call: PlannedCall): void {
    this.#free.unshift(call);
  }

  settle(call: PlannedCall, isAccepted: boolean): void {
    const key = this.#keyOf(call);
    if (key === null) return;
    const waiting = this.#passedOver.get(key) ?? [];
    if (!isAccepted) {
      this.#brokenKeys.add(key);
      this.#passedOverCount -= waiting.length;
      for (const later of waiting.splice(0)) this.#onSkip(later);
    }
    const next = waiting.shift();
    if (next === undefined) {
      this.#busyKeys.delete(key);
      this.#passedOver.delete(key);
      return;
    }
    this.#passedOverCount--;
    this.#free.push(next);
  }

  #mayGo(call: PlannedCall): boolean {
    const key = this.#keyOf(call);
    if (key === null) return true;
    if (this.#brokenKeys.has(key)) {
      this.#onSkip(call);
      return false;
    }
    if (!this.#busyKeys.has(key)) {
      this.#busyKeys.add(key);
      return true;
    }
    const waiting = this.#passedOver.get(key);
    if (waiting === undefined) this.#passedOver.set(key, [call]);
    else waiting.push(call);
    this.#passedOverCount++;
    return false;
  }

  #keyOf(call: PlannedCall): string | null {
    if (this.#serialBy === null) return null;
    return this.#serialBy === "message" ? idKey(call.message) : call[this.#serialBy];
  }
}

/** Returns 2 if the call has another message and another sender than each of the others. */
function countDifferences({ message, from }: PlannedCall, others: readonly PlannedCall[]): number {
  const hasOtherMessage = others.every((other) => idKey(other.message) !== idKey(message));
  return Number(hasOtherMessage) + Number(others.every((other) => other.from !== from));
}
