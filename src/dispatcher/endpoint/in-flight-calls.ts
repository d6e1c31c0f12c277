/**
 * A call that is in flight, uncommitted, or waiting after our own fault. The store is out of date about it, so batches leave it out
 * and nothing is sent twice.
 */
export interface InFlightCall {
  /** It is null without an outcome, or if the call isn't due again. */
  dueAt: number | null;
  /** The endpoint's generation when the call was sent. */
  readonly generation: number;
}

interface Fault {
  /** It is null while the call is being tried again. */
  retryAt: number | null;
  readonly waitMs: number;
}

const FIRST_WAIT_MS = 1_000;

export class InFlightCalls {
  readonly #calls = new Map<number, InFlightCall>();
  readonly #faults = new Map<number, Fault>();
  readonly #longestWaitMs: number;

  constructor(longestWaitMs: number) {
    this.#longestWaitMs = longestWaitMs;
  }

  get size(): number {
    return this.#calls.size;
  }

  has(callSeq: number): boolean {
    return this.#calls.has(callSeq);
  }

  /** Returns the calls that are sent or about to be. Those that wait after our own fault aren't. */
  listBegun(): ReadonlySet<number> {
    return new Set([...this.#calls.keys()].filter((seq) => (this.#faults.get(seq)?.retryAt ?? null) === null));
  }

  add(callSeq: number, call: InFlightCall): void {
    this.#calls.set(callSeq, call);
  }

  /** Notes that an attempt was made, which ends a row of faults. */
  noteAttempt(callSeq: number, dueAt: number | null): void {
    this.#faults.delete(callSeq);
    const call = this.#calls.get(callSeq);
    if (call) call.dueAt = dueAt;
  }

  remove(callSeq: number): InFlightCall | undefined {
    const call = this.#calls.get(callSeq);
    this.#calls.delete(callSeq);
    return call;
  }

  /** Lets the call wait for 1 s, 2 s, 4 s … up to the longest wait, and returns the wait. */
  waitAfterFault(callSeq: number, now: number): number {
    const before = this.#faults.get(callSeq);
    const waitMs = Math.min(before ? before.waitMs * 2 : FIRST_WAIT_MS, this.#longestWaitMs);
    this.#faults.set(callSeq, { retryAt: now + waitMs, waitMs });
    return waitMs;
  }

  get retryAt(): number | null {
    let first: number | null = null;
    for (const { retryAt } of this.#faults.values()) first = earlier(first, retryAt);
    return first;
  }

  /** Ends the waits that are over, and returns whether there were some. A clock that was set back makes no call wait longer. */
  endWaits(now: number): boolean {
    let hasEnded = false;
    for (const [callSeq, fault] of this.#faults) {
      const { retryAt, waitMs } = fault;
      if (retryAt === null || (retryAt > now && retryAt <= now + waitMs)) continue;
      fault.retryAt = null;
      this.#calls.delete(callSeq);
      hasEnded = true;
    }
    return hasEnded;
  }
}

export function earlier(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}
