/** A body takes several times its size in memory. */
const BUDGET_BYTES = 64 * 1024 * 1024;
/** A quarter of a budget is kept for what is at most this large. */
const SMALL_BYTES = 64 * 1024;

/** Bounds the bytes of bodies and answers in memory. */
export class ByteBudget {
  readonly #bytes: number;
  #used = 0;
  readonly #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];

  constructor(bytes = BUDGET_BYTES) {
    this.#bytes = bytes;
  }

  hasRoom(bytes: number): boolean {
    const limit = bytes <= SMALL_BYTES ? this.#bytes : this.#bytes * 0.75;
    return this.#used + bytes <= limit;
  }

  tryReserve(bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false;
    this.#used += bytes;
    return true;
  }

  /** Resolves in the order of the calls, as room is released. */
  reserve(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.tryReserve(bytes)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ bytes, resolve }));
  }

  release(bytes: number): void {
    this.#used -= bytes;
    for (let [next] = this.#waiting; next !== undefined && this.tryReserve(next.bytes); [next] = this.#waiting) {
      this.#waiting.shift();
      next.resolve();
    }
  }
}
