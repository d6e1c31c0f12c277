/** docs/dispatcher.md, Limits. */
import type { Call } from "../domain/call.js";

/** While others wait, an owner holds at most one larger body: hanging endpoints must not starve the rest. */
const LARGE_BYTES = 1024 * 1024;
/** Half: prefetched calls may wait long and must not block large bodies. */
const PREFETCHED_SHARE = 2;
/** Of a call, without its response. */
export const CALL_BYTES = 1_024;
const BYTES_PER_CHARACTER = 2;

export class DeliveryBudget<Owner extends object> {
  readonly #totalBytes: number;
  readonly #onRoom: (owner: Owner) => void;
  readonly #prefetched = new Map<Owner, number>();
  #prefetchedBytes = 0;
  #inFlightBytes = 0;
  /** Large bodies in flight. */
  readonly #large = new Map<Owner, number>();
  /** In the order of waiting. */
  readonly #waiting = new Set<Owner>();

  constructor(totalBytes: number, onRoom: (owner: Owner) => void) {
    this.#totalBytes = totalBytes;
    this.#onRoom = onRoom;
  }

  get heldBytes(): number {
    return this.#prefetchedBytes + this.#inFlightBytes;
  }

  get prefetchRoom(): number {
    return Math.max(0, this.#totalBytes / PREFETCHED_SHARE - this.#prefetchedBytes);
  }

  setPrefetched(owner: Owner, bytes: number): void {
    const before = this.#prefetched.get(owner) ?? 0;
    if (bytes === before) return;
    this.#prefetchedBytes += bytes - before;
    if (bytes === 0) this.#prefetched.delete(owner);
    else this.#prefetched.set(owner, bytes);
    if (bytes < before) this.#offerRoom();
  }

  /** Before reading a body; one may always go. Without room the owner waits. */
  tryHold(owner: Owner, bytes: number): boolean {
    const othersWait = this.#waiting.size > (this.#waiting.has(owner) ? 1 : 0);
    const fits = this.#inFlightBytes === 0 || this.heldBytes + bytes <= this.#totalBytes;
    const mayHoldAnother = !othersWait || bytes <= LARGE_BYTES || !this.#large.has(owner);
    if (fits && mayHoldAnother && (!othersWait || this.#nextWaiting === owner)) {
      this.leave(owner);
      this.hold(owner, bytes);
      return true;
    }
    this.#waiting.add(owner);
    return false;
  }

  /** For a body already in memory. */
  hold(owner: Owner, bytes: number): void {
    this.#inFlightBytes += bytes;
    if (bytes > LARGE_BYTES) this.#large.set(owner, (this.#large.get(owner) ?? 0) + 1);
  }

  release(owner: Owner, bytes: number): void {
    this.#inFlightBytes -= bytes;
    if (bytes > LARGE_BYTES) {
      const left = (this.#large.get(owner) ?? 0) - 1;
      if (left > 0) this.#large.set(owner, left);
      else this.#large.delete(owner);
    }
    this.#offerRoom();
  }

  leave(owner: Owner): void {
    if (this.#waiting.delete(owner)) this.#offerRoom();
  }

  /** The first without a large body: the others may not take another. */
  get #nextWaiting(): Owner | undefined {
    for (const owner of this.#waiting) if (!this.#large.has(owner)) return owner;
    return this.#waiting.values().next().value;
  }

  #offerRoom(): void {
    const next = this.#nextWaiting;
    if (next) this.#onRoom(next);
  }
}

export function prefetchedBytes({ leftOutBytes, response }: Pick<Call, "leftOutBytes" | "response">): number {
  if (leftOutBytes !== undefined) return CALL_BYTES;
  let characters = response.responseMessage.content.length;
  for (const [name, value] of Object.entries(response.customParameters)) characters += name.length + value.length;
  return CALL_BYTES + characters * BYTES_PER_CHARACTER;
}
