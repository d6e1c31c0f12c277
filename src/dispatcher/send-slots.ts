export interface Sender {
  /** If fewer than `share` are in flight. "limited": only the share was in the way. */
  sendOne(share: number): "sent" | "limited" | "nothing";
}

/** With half taken, a sender may hold one in this many free slots. */
const SCARCITY = 16;
const COMPACT_AT = 64;

/**
 * Round-robin. While half of all slots are free, only a sender's own limit counts; then they are rationed: endpoints that hang for a
 * minute must leave room for those that answer.
 */
export class SendSlots {
  #free: number;
  readonly #total: number;
  #waiting: Sender[] = [];
  /** In `#waiting`: the first that still waits. */
  #first = 0;
  readonly #queued = new Set<Sender>();
  readonly #limited = new Set<Sender>();

  constructor(total: number) {
    this.#free = total;
    this.#total = total;
  }

  get inUse(): number {
    return this.#total - this.#free;
  }

  /** Some may have nothing to send. */
  get waiting(): number {
    return this.#queued.size;
  }

  get #share(): number {
    return this.#free * 2 > this.#total ? this.#free : Math.max(1, Math.floor(this.#free / SCARCITY));
  }

  enqueue(sender: Sender): void {
    if (this.#queued.has(sender)) return;
    this.#queued.add(sender);
    this.#waiting.push(sender);
  }

  release(sender: Sender): void {
    this.#free += 1;
    this.enqueue(sender);
  }

  /** The share may have grown since. Their number is bounded: each has a slot. */
  enqueueLimited(): void {
    for (const sender of this.#limited) this.enqueue(sender);
    this.#limited.clear();
  }

  /** A sender that can't send leaves the queue until it is enqueued again. */
  pump(): void {
    while (this.#free > 0) {
      const sender = this.#next();
      if (sender === undefined) return;
      const result = sender.sendOne(this.#share);
      if (result === "sent") {
        this.#free -= 1;
        this.#waiting.push(sender);
      } else {
        this.#queued.delete(sender);
        if (result === "limited") this.#limited.add(sender);
      }
    }
  }

  /** Array.shift would move all others, where they are many. */
  #next(): Sender | undefined {
    const sender = this.#waiting[this.#first];
    if (sender === undefined) return undefined;
    this.#first += 1;
    if (this.#first >= COMPACT_AT && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return sender;
  }
}
