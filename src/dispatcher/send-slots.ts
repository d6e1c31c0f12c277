/** All requests in flight, shared fairly among the endpoints. */
export interface Sender {
  /** If it has fewer than `share` in flight; returns whether it did. */
  sendOne(share: number): boolean;
}

/** With half of the slots taken, a sender may hold one in this many free ones. */
const SCARCITY = 16;

/**
 * Round-robin. Up to half of all slots only a sender's own limit counts. The rest is rationed: endpoints that hang keep their slots for a
 * minute and must leave room for those that answer.
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
