/** The requests that may be in flight in total, shared fairly among the endpoints that have something to send. */
export interface Sender {
  /** Sends one call if it has fewer than `share` in flight and may otherwise, and says whether it did. */
  sendOne(share: number): boolean;
}

/** Once half of the slots are taken, a sender may hold one in this many of the free ones. */
const SCARCITY = 16;

/**
 * Free slots go round-robin to the senders that wait. While half of all are free, a sender may hold what its own limit allows. The
 * rest is rationed, because endpoints that hang keep their slots for a minute: dozens of them leave room for those that answer.
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

  /** The sender may have something to send. */
  enqueue(sender: Sender): void {
    if (this.#queued.has(sender)) return;
    this.#queued.add(sender);
    this.#waiting.push(sender);
  }

  /** A request of the sender has ended. */
  release(sender: Sender): void {
    this.#free += 1;
    this.enqueue(sender);
  }

  /** Hands out what is free. A sender that can't send leaves the queue until it is enqueued again. */
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
