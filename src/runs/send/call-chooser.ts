/** In order, with `serialBy` one call per key at a time. */
import { idKey } from "../../domain/call.js";
import type { PlannedCall } from "../plan/snapshot-file.js";
import type { ReplayOptions } from "../run-options.js";

/** Passed over while earlier calls of their key are in flight. */
const MAX_PASSED_OVER = 1_000;

export class CallChooser {
  readonly #source: AsyncIterator<PlannedCall>;
  readonly #serialBy: ReplayOptions["serialBy"];
  readonly #onSkip: (call: PlannedCall) => void;
  readonly #free: PlannedCall[] = [];
  readonly #passedOver = new Map<string, PlannedCall[]>();
  #passedOverCount = 0;
  readonly #busyKeys = new Set<string>();
  /** Keys with a rejected call: a later one would change the order. */
  readonly #brokenKeys = new Set<string>();
  #isSourceDone = false;

  constructor(source: AsyncIterable<PlannedCall>, serialBy: ReplayOptions["serialBy"], onSkip: (call: PlannedCall) => void) {
    this.#source = source[Symbol.asyncIterator]();
    this.#serialBy = serialBy;
    this.#onSkip = onSkip;
  }

  get isDone(): boolean {
    return this.#isSourceDone && this.#free.length === 0 && this.#passedOverCount === 0;
  }

  /** Up to `most`; fewer if none is left or keys are in flight. */
  async choose(most: number): Promise<PlannedCall[]> {
    const chosen = this.#free.splice(0, most);
    while (chosen.length < most && !this.#isSourceDone && this.#passedOverCount < MAX_PASSED_OVER) {
      const { value, done } = await this.#source.next();
      if (done) this.#isSourceDone = true;
      else if (this.#mayGo(value)) chosen.push(value);
    }
    return chosen;
  }

  putBack(call: PlannedCall): void {
    this.#free.unshift(call);
  }

  settled(call: PlannedCall, isAccepted: boolean): void {
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
