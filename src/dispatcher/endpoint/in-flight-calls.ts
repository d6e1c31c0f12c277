/**
 * In flight, uncommitted, or waiting after our own fault. The store is out of date about these: batches leave them out, so that nothing is
 * sent twice.
 */
export interface InFlightCall {
  /** null: never, or no outcome yet. */
  dueAt: number | null;
  /** When the call was sent. */
  readonly generation: number;
}

interface Fault {
  /** null: it is being tried again. */
  retryAt: number | null;
  readonly waitMs: number;
}

const FIRST_WAIT_MS = 1_000;

export class InFlightCalls {
  /** By seq, as are the faults. */
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

  /** Sent, or about to be; those that wait after our own fault aren't. */
  begun(): ReadonlySet<number> {
    return new Set([...this.#calls.keys()].filter((seq) => (this.#faults.get(seq)?.retryAt ?? null) === null));
  }

  add(callSeq: number, call: InFlightCall): void {
    this.#calls.set(callSeq, call);
  }

  /** Ends a row of faults. */
  attempted(callSeq: number, dueAt: number | null): void {
    this.#faults.delete(callSeq);
    const call = this.#calls.get(callSeq);
    if (call) call.dueAt = dueAt;
  }

  remove(callSeq: number): InFlightCall | undefined {
    const call = this.#calls.get(callSeq);
    this.#calls.delete(callSeq);
    return call;
  }

  /** Waits 1 s, 2 s, 4 s … up to the longest; returns it. */
  failedHere(callSeq: number, now: number): number {
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

  /** Whether some have waited long enough. A clock set back makes none wait longer. */
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
