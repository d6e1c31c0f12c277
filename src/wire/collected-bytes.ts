/** Collects a body that comes in pieces in one buffer: a list of pieces of one byte would take hundreds of bytes for each. */
export class CollectedBytes {
  #buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** `capacity` is the memory that is taken, in bytes. */
  get capacity(): number {
    return this.#buffer.length;
  }

  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) {
      // Buffer's pool isn't used, as one piece of it would keep it in memory.
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#length));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }

  /** Returns the bytes, and has none of them any more. */
  take(): Buffer {
    const bytes = this.bytes();
    this.#buffer = Buffer.alloc(0);
    this.#length = 0;
    return bytes;
  }

  /** The bytes are valid until the next piece. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}
