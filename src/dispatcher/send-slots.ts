export interface Sender {
  /** If fewer than `share` are in flight. Returns whether it did. */
  sendOne(share: number): boolean;
}

/** With half taken, a sender may hold one in this many free slots. */
const SCARCITY = 16;

/**
 * Round-robin. While half of all slots are free, only a sender's own limit counts; then they are rationed: endpoints that hang for a
 * minute must leave room for those that answer.
 */
export class SendSlots {
  #free: number;
  readonly #total: number;
  readonly #waiting: Sender[] = [];
  readonly #queued = new Set<Sender>();

  constructor(total: number) {
    this.#free = total;
    this.#total = total;
  }

  get inUse(): number {
    return this.#total - this.#free;
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

  /** A sender that can't send leaves the queue until it is enqueued again. */
  pump(): void {
    while (this.#free > 0) {
      const sender = this.#waiting.shift();
      if (sender === undefined) return;
      if (sender.sendOne(this.#share)) {
        this.#free -= 1;
        this.#waiting.push(sender);
      } else {
        this.#queued.delete(sender);
      }
    }
  }
}
