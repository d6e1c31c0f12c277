/** The requests that may be in flight in all, shared fairly among the endpoints that have something to send. */
export interface Sender {
  /** Sends one call if it may with this many slots free, and says whether it did. */
  sendOne(freeSlots: number): boolean;
}

/**
 * Free slots go round the senders that wait, one each. A sender also gets no more slots than are still free (it is
 * handed their number), so that endpoints that hang, however many, leave room for the ones that answer.
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
      if (sender.sendOne(this.#free)) {
        this.#free -= 1;
        this.#waiting.push(sender);
      } else {
        this.#queued.delete(sender);
      }
    }
  }
}
