/** Runs so many requests at once, at most half of them, and at least one, of one owner (`ownerOf`). The others wait, and their owners take turns. */
export class RequestSlots {
  readonly #slots: number;
  #running = 0;
  readonly #ofOwner = new Map<string, number>();
  /** The owner whose turn is next comes first. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(slots: number) {
    this.#slots = slots;
  }

  async run<Result>(owner: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#hasSlot(owner)) this.#count(owner, 1);
    else await new Promise<void>((resolve) => this.#waiting.set(owner, [...(this.#waiting.get(owner) ?? []), resolve]));
    try {
      return await work();
    } finally {
      this.#count(owner, -1);
      this.#startNext();
    }
  }

  #hasSlot(owner: string): boolean {
    return this.#running < this.#slots && (this.#ofOwner.get(owner) ?? 0) < this.#slots / 2;
  }

  #startNext(): void {
    for (const [owner, [next, ...others]] of this.#waiting) {
      if (next === undefined || !this.#hasSlot(owner)) continue;
      this.#waiting.delete(owner);
      if (others.length > 0) this.#waiting.set(owner, others);
      this.#count(owner, 1);
      next();
      return;
    }
  }

  #count(owner: string, more: 1 | -1): void {
    this.#running += more;
    const running = (this.#ofOwner.get(owner) ?? 0) + more;
    if (running === 0) this.#ofOwner.delete(owner);
    else this.#ofOwner.set(owner, running);
  }
}
