/** While others wait, an owner holds at most one larger body: hanging endpoints must not starve the rest. */
const LARGE_BYTES = 1024 * 1024;
/** Prefetched calls may wait long, so they get half: large bodies must not wait for them. */
const PREFETCHED_SHARE = 2;
/** Bodies over SMALL_BYTES leave one part in this many to smaller ones. */
const SMALL_SHARE = 16;
/** Bodies up to this size don't queue behind larger ones. */
const SMALL_BYTES = 256 * 1024;
/** However little room is left, an owner that has nothing in flight may add this much: hanging endpoints must not starve it. */
const FIRST_BYTES = 16 * 1024;
/** It may add up to SMALL_BYTES while the first SMALL_BYTES of each owner take no more than one part in this many. */
const FIRST_SHARE = 4;

export class DeliveryBudget<Owner extends object> {
  readonly #totalBytes: number;
  #prefetchedBytes = 0;
  readonly #prefetched = new Map<Owner, number>();
  #inFlightBytes = 0;
  readonly #inFlight = new Map<Owner, number>();
  /** The first SMALL_BYTES that each owner has in flight. */
  #firstBytes = 0;
  /** The number of large bodies that an owner has in flight. */
  readonly #large = new Map<Owner, number>();
  /** Owners are in the order in which they began to wait. */
  readonly #waiting = new Set<Owner>();
  /** Owners that wait for room for a small body, with the bytes that it would add. */
  readonly #smallWaiting = new Map<Owner, number>();
  readonly #offered = new Set<Owner>();

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  get heldBytes(): number {
    return this.#prefetchedBytes + this.#inFlightBytes;
  }

  get prefetchRoom(): number {
    const most = Math.min(this.#totalBytes / PREFETCHED_SHARE, this.#totalBytes - this.#inFlightBytes);
    return Math.max(0, most - this.#prefetchedBytes);
  }

  setPrefetched(owner: Owner, bytes: number): void {
    const by = bytes - (this.#prefetched.get(owner) ?? 0);
    if (by === 0) return;
    if (bytes > 0) this.#prefetched.set(owner, bytes);
    else this.#prefetched.delete(owner);
    this.#prefetchedBytes += by;
    if (by < 0) this.#offerRoom();
  }

  /** Takes the owners that waited, and for which there may be room now. */
  takeOffered(): readonly Owner[] {
    if (this.#offered.size === 0) return [];
    const offered = [...this.#offered];
    this.#offered.clear();
    return offered;
  }

  /**
   * Is called before a body is read or built. One body may always go; without room the owner waits. `prefetched` is the part of
   * `bytes` that is counted already.
   */
  tryHold(owner: Owner, bytes: number, prefetched = 0): boolean {
    const isSmall = bytes <= SMALL_BYTES;
    const added = bytes - prefetched;
    const mayGo = isSmall ? this.#fitsSmall(owner, added) : this.#fits(added, false) && this.#isNext(owner, bytes);
    if (mayGo) {
      this.stopWaiting(owner);
      this.resize(owner, 0, bytes);
    } else if (!isSmall) this.#waiting.add(owner);
    else if (this.#smallWaiting.get(owner) !== added) {
      this.#smallWaiting.set(owner, added);
      // The owner was perhaps offered room that it can't use.
      this.#offerSmall();
    }
    return mayGo;
  }

  /** Is called once a body is built. Returns false if there is no room for what it takes beyond `from`. */
  tryResize(owner: Owner, from: number, to: number): boolean {
    const isAlone = this.#inFlightBytes === from;
    const isFirst = this.#inFlight.get(owner) === from;
    const fitsFirst = isFirst && (to - from <= FIRST_BYTES || (to <= SMALL_BYTES && this.#fitsFirst(to - from)));
    if (to > from && !isAlone && !fitsFirst && this.heldBytes - from + to > this.#totalBytes) return false;
    this.resize(owner, from, to);
    return true;
  }

  /** Counts a body of another size, which is in memory already. */
  resize(owner: Owner, from: number, to: number): void {
    this.#inFlightBytes += to - from;
    const before = this.#inFlight.get(owner) ?? 0;
    const inFlight = before + to - from;
    this.#firstBytes += Math.min(inFlight, SMALL_BYTES) - Math.min(before, SMALL_BYTES);
    if (inFlight > 0) this.#inFlight.set(owner, inFlight);
    else this.#inFlight.delete(owner);
    this.#countLarge(owner, to, 1);
    this.#countLarge(owner, from, -1);
    if (to < from) this.#offerRoom();
  }

  release(owner: Owner, bytes: number): void {
    this.resize(owner, bytes, 0);
  }

  stopWaiting(owner: Owner): void {
    const wasSmall = this.#smallWaiting.delete(owner);
    if (this.#waiting.delete(owner) || wasSmall) this.#offerRoom();
  }

  #fits(bytes: number, isSmall: boolean): boolean {
    const left = isSmall ? 0 : this.#totalBytes / SMALL_SHARE;
    return this.#inFlightBytes === 0 || this.heldBytes + bytes <= this.#totalBytes - left;
  }

  #fitsSmall(owner: Owner, added: number): boolean {
    return this.#fits(added, true) || (!this.#inFlight.has(owner) && (added <= FIRST_BYTES || this.#fitsFirst(added)));
  }

  #fitsFirst(added: number): boolean {
    return this.#firstBytes + added <= this.#totalBytes / FIRST_SHARE;
  }

  #isNext(owner: Owner, bytes: number): boolean {
    const othersWait = this.#waiting.size > (this.#waiting.has(owner) ? 1 : 0);
    if (!othersWait) return true;
    return this.#nextWaiting === owner && (bytes <= LARGE_BYTES || !this.#large.has(owner));
  }

  #countLarge(owner: Owner, bytes: number, by: 1 | -1): void {
    if (bytes <= LARGE_BYTES) return;
    const count = (this.#large.get(owner) ?? 0) + by;
    if (count > 0) this.#large.set(owner, count);
    else this.#large.delete(owner);
  }

  /** Prefers owners without a large body, because the others may not take another. */
  get #nextWaiting(): Owner | undefined {
    for (const owner of this.#waiting) if (!this.#large.has(owner)) return owner;
    return this.#waiting.values().next().value;
  }

  #offerRoom(): void {
    const next = this.#waiting.size > 0 ? this.#nextWaiting : undefined;
    if (next) this.#offered.add(next);
    this.#offerSmall();
  }

  /** Offers room to the first owner for which there is enough, so small bodies don't queue behind less small ones. */
  #offerSmall(): void {
    for (const [owner, added] of this.#smallWaiting) {
      if (!this.#fitsSmall(owner, added)) continue;
      this.#offered.add(owner);
      return;
    }
  }
}
