import { CollectedBytes } from "../../wire/collected-bytes.js";

/** A message begins with its type, a letter, and its length, which counts itself. */
const HEADER_BYTES = 5;
/** Steps of the login, settings, the key to cancel with, notices, an error, and that a query may come. */
const LOGIN_TYPES = "RSKNEZ";
/** What answers statements, but for COPY, and what may come at any time: notices, notifications, settings and an error. */
const QUERY_TYPES = "123CDEINSTZAnst";

/**
 * Cuts what a server sends into messages, and throws for one that PostgreSQL doesn't send, and for which pg would not end, or need far more
 * memory or time than its bytes do.
 */
export class ServerMessages {
  #pieces = new CollectedBytes();
  #allowed = LOGIN_TYPES;
  #columns = 0;
  readonly #loginSteps = new Set<number>();

  /** Yields the messages that are complete. pg's parser gets each in a buffer of its own, and so reads no byte of another one with it. */
  *take(piece: Buffer): Generator<Buffer> {
    this.#pieces.add(piece);
    const bytes = this.#pieces.bytes();
    let at = 0;
    while (bytes.length >= at + HEADER_BYTES) {
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (end < at + HEADER_BYTES) throw new Error("a message is shorter than its header");
      if (end > bytes.length) break;
      const message = bytes.subarray(at, end);
      this.#check(message.toString("latin1", 0, 1), message.subarray(HEADER_BYTES));
      yield message;
      at = end;
    }
    if (at === 0) return;
    this.#pieces = new CollectedBytes();
    this.#pieces.add(bytes.subarray(at));
  }

  #check(type: string, body: Buffer): void {
    if (!this.#allowed.includes(type)) throw new Error(`a message of the type "${type}" may not come`);
    if (type === "R") this.#checkLoginStep(body.readInt32BE());
    else if (type === "Z") this.#allowed = QUERY_TYPES;
    else if (type === "T") this.#columns = body.readInt16BE();
    else if (type === "D") this.#checkRow(body);
    else if (type === "E" || type === "N") this.#checkFields(type, body);
  }

  /** Each answer to a challenge takes much time. */
  #checkLoginStep(step: number): void {
    if (this.#loginSteps.has(step)) throw new Error(`the login's step ${step} comes once more`);
    this.#loginSteps.add(step);
  }

  /** The last field ends with a NUL, and a type that is NUL ends the fields. An error ends the login. */
  #checkFields(type: string, body: Buffer): void {
    if (body.readInt16BE(body.length - 2) !== 0) throw new Error("the fields of an error have no end");
    if (type === "E" && this.#allowed === LOGIN_TYPES) this.#allowed = "";
  }

  /** A negative length would lead back to values that were read before. A row without values would have all columns. */
  #checkRow(body: Buffer): void {
    if (body.readInt16BE() !== this.#columns) throw new Error("a row has another number of values than columns");
    let at = 2;
    for (let column = 0; column < this.#columns; column++) {
      const length = body.readInt32BE(at);
      if (length < -1) throw new Error("a value has a negative length");
      at += 4 + Math.max(length, 0);
    }
    if (at !== body.length) throw new Error("a row isn't as long as its values");
  }
}
