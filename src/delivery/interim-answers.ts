/** undici destroys the socket at an unsolicited `100 Continue`, but skips 102: this turns 100 into 102 in place. */

/** "?" is any byte. */
const INTERIM_STATUS_LINE = "HTTP/1.? 1??";
const FIRST_DIGIT = INTERIM_STATUS_LINE.length - 3;
const LAST_DIGIT = INTERIM_STATUS_LINE.length - 1;
const ANY = 0x3f;
const LF = 0x0a;
const CR = 0x0d;
const ZERO = 0x30;
const TWO = 0x32;

/** Up to the final status; answers may come in pieces. */
export class StatusRewriter {
  #state: "status" | "headers" | "final" = "final";
  /** In the status line. */
  #position = 0;
  #isTen = false;
  #isLineEmpty = false;

  /** Before each request; one at a time. */
  expectAnswer(): void {
    this.#state = "status";
    this.#position = 0;
  }

  rewrite(chunk: Buffer): void {
    for (let index = 0; index < chunk.length && this.#state !== "final"; index++) {
      const byte = chunk[index] ?? 0;
      if (this.#state === "headers") this.#skipHeaderByte(byte);
      else if (this.#readStatusByte(byte)) chunk[index] = TWO;
    }
  }

  #readStatusByte(byte: number): boolean {
    const position = this.#position++;
    const expected = INTERIM_STATUS_LINE.charCodeAt(position);
    if (expected !== ANY && expected !== byte) {
      this.#state = "final";
      return false;
    }
    if (position === FIRST_DIGIT + 1) this.#isTen = byte === ZERO;
    if (position !== LAST_DIGIT) return false;
    this.#state = "headers";
    this.#isLineEmpty = false;
    return this.#isTen && byte === ZERO;
  }

  #skipHeaderByte(byte: number): void {
    if (byte === LF && this.#isLineEmpty) this.expectAnswer();
    else if (byte === LF) this.#isLineEmpty = true;
    else if (byte !== CR) this.#isLineEmpty = false;
  }
}
