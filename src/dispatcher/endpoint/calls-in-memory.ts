/** The calls of an endpoint that are in memory: they were read and wait to be sent, or are in flight. */
import type { Call } from "../../domain/call.js";
import { givenValues } from "../../domain/message-response.js";

/** A call takes this much memory without its response. */
export const CALL_BYTES = 1_024;
const BYTES_PER_CHARACTER = 2;

export interface QueuedCall {
  readonly call: Call;
  readonly bytes: number;
}

/** Calls of an endpoint that were read together. */
export class CallQueue {
  #calls: readonly QueuedCall[] = [];
  #next = 0;
  #readAt = 0;
  #bytes = 0;

  get length(): number {
    return this.#calls.length - this.#next;
  }

  /** Replaces what was left, as a newer batch is more accurate. `readAt` is monotonic. */
  fill(calls: readonly Call[], readAt: number): void {
    this.#calls = calls.map((call) => ({ call, bytes: bytesOf(call) }));
    this.#next = 0;
    this.#bytes = this.#calls.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#readAt = readAt;
  }

  get head(): QueuedCall | undefined {
    return this.#calls[this.#next];
  }

  get bytes(): number {
    return this.#bytes;
  }

  dropHead(): void {
    this.#bytes -= this.head?.bytes ?? 0;
    if (this.length > 0) this.#next += 1;
  }

  has(callSeq: number): boolean {
    return this.length > 0 && this.#calls.some(({ call }, index) => index >= this.#next && call.seq === callSeq);
  }

  clear(): void {
    this.fill([], 0);
  }

  /** `instant` is monotonic. */
  isOlderThan(instant: number): boolean {
    return this.length > 0 && this.#readAt < instant;
  }
}

/** Returns how much memory the call takes, without its request. */
function bytesOf({ leftOutBytes, response }: Call): number {
  if (leftOutBytes !== undefined) return CALL_BYTES;
  const { messageId, messageLocation, from, responseMessage, customParameters, given } = response;
  const { name, mri, mobile, email, voice } = from;
  let characters = messageId.length + messageLocation.length + responseMessage.content.length;
  characters += name.length + mri.length + mobile.length + email.length + voice.length;
  for (const [key, value] of Object.entries(customParameters)) characters += key.length + value.length;
  if (given !== undefined) for (const [key, json] of givenValues(given)) characters += key.length + json.length;
  return CALL_BYTES + characters * BYTES_PER_CHARACTER;
}

/** A call is in flight, uncommitted, or waits after our own fault. What is read of it is out of date, and would be sent twice. */
export interface InFlightCall {
  /** `dueAt` is null without an outcome, or if the call isn't due again. */
  dueAt: number | null;
  /** The endpoint's generation when the call was sent. */
  readonly generation: number;
}

interface Fault {
  /** `retryAt` is null while the call is being tried again. */
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
    for (const { retryAt } of this.#faults.values()) if (retryAt !== null && (first === null || retryAt < first)) first = retryAt;
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
