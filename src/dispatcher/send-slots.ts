/** Once half of the slots are taken, an owner may hold one in this many free slots. */
const SCARCE_SHARE = 16;
const COMPACT_LENGTH = 64;

/**
 * Gives slots to owners in turn. While half of all slots are free, only an owner's own limit counts; then they are rationed,
 * because endpoints that hang for a minute must leave room for those that answer.
 */
export class SendSlots<Owner> {
  #free: number;
  readonly #total: number;
  #waiting: Owner[] = [];
  /** The index in `#waiting` of the first owner that still waits. */
  #first = 0;
  readonly #queued = new Set<Owner>();
  readonly #limited = new Set<Owner>();

  constructor(total: number) {
    this.#free = total;
    this.#total = total;
  }

  get inUse(): number {
    return this.#total - this.#free;
  }

  /** Some of these owners may have nothing to send. */
  get waiting(): number {
    return this.#queued.size;
  }

  /** The number of slots that an owner may hold if it takes another one now. */
  get share(): number {
    return this.#free * 2 > this.#total ? this.#free : Math.max(1, Math.floor(this.#free / SCARCE_SHARE));
  }

  enqueue(owner: Owner): void {
    if (this.#queued.has(owner)) return;
    this.#queued.add(owner);
    this.#waiting.push(owner);
  }

  release(owner: Owner): void {
    this.#free += 1;
    this.enqueue(owner);
  }

  /** Takes the next owner that waits, if a slot is free. It leaves the queue until it is enqueued again. */
  next(): Owner | undefined {
    const owner = this.#free > 0 ? this.#shift() : undefined;
    if (owner !== undefined) this.#queued.delete(owner);
    return owner;
  }

  /** Gives a slot to an owner, which waits for another one from now on. */
  take(owner: Owner): void {
    this.#free -= 1;
    this.enqueue(owner);
  }

  /** Lets an owner that has its share of the slots wait until `enqueueLimited`. */
  setAside(owner: Owner): void {
    this.#limited.add(owner);
  }

  /** Lets the few owners that were set aside wait for slots again, as the share may have grown. */
  enqueueLimited(): void {
    for (const owner of this.#limited) this.enqueue(owner);
    this.#limited.clear();
  }

  /** Array.shift would move all others, which may be many. */
  #shift(): Owner | undefined {
    const owner = this.#waiting[this.#first];
    if (owner === undefined) return undefined;
    this.#first += 1;
    if (this.#first >= COMPACT_LENGTH && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return owner;
  }
}
