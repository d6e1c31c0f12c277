import type { Socket } from "node:net";
import { errors } from "undici";
import { DeliveryFailure } from "./delivery-failure.js";

/** An answer has some dozens of headers and trailers. Undici keeps far more for each than its bytes. */
const MAX_LINES = 256;
/** Undici takes some 0.2 ms for a thousand pieces of a body, whatever their length. */
const MAX_BODY_PIECES = 4_096;
/** Undici gets pieces of this size, because lines are counted only once it has parsed a piece. */
const PIECE_BYTES = 512;
const LF = 0x0a;

/** Limits what undici reads, because it parses each chunk to its end, with a stack trace for each header over its own limit. */
export class AnswerReader {
  readonly #rewriter = new StatusRewriter();
  /** Bytes and lines that were read since the request, the end of the headers or a piece of the body. */
  #headerBytes = 0;
  #headerLines = 0;
  #bodyPieces = 0;

  constructor(socket: Socket, maxHeaderBytes: number) {
    const read = socket.read.bind(socket);
    socket.read = (size?: number): unknown => {
      const allowed = Math.min(maxHeaderBytes - this.#headerBytes, PIECE_BYTES);
      const hasMore = size === undefined && socket.readableLength > allowed;
      const isTooLong = hasMore && allowed <= 0;
      if (isTooLong || (this.#headerLines > MAX_LINES && socket.readableLength > 0)) {
        socket.destroy(isTooLong ? new errors.HeadersOverflowError() : tooManyLines());
        return null;
      }
      if (this.#bodyPieces > MAX_BODY_PIECES && socket.readableLength > 0) {
        socket.destroy(new DeliveryFailure("too-large", `the answer's body came in more than ${MAX_BODY_PIECES} pieces`));
        return null;
      }
      const chunk: unknown = read(hasMore ? allowed : size);
      if (Buffer.isBuffer(chunk)) {
        this.#headerBytes += chunk.length;
        this.#headerLines += countLines(chunk);
        this.#rewriter.rewrite(chunk);
      }
      return chunk;
    };
  }

  /** Is called before each request, one at a time. */
  expectAnswer(): void {
    this.continueAnswer();
    this.#bodyPieces = 0;
    this.#rewriter.expectAnswer();
  }

  /** Is called after the headers and after each piece of the body. */
  continueAnswer(): void {
    this.#headerBytes = 0;
    this.#headerLines = 0;
    this.#bodyPieces += 1;
  }
}

const tooManyLines = () => new DeliveryFailure("too-large", `the answer's headers have more than ${MAX_LINES} lines`);

function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) lines += 1;
  return lines;
}

/** "?" stands for any byte. */
const INTERIM_STATUS_LINE = "HTTP/1.? 1??";
const FIRST_DIGIT = INTERIM_STATUS_LINE.length - 3;
const LAST_DIGIT = INTERIM_STATUS_LINE.length - 1;
const ANY_BYTE = 0x3f;
const CR = 0x0d;
const ZERO = 0x30;
const TWO = 0x32;
/** Undici takes a status of RTSP or ICE, too. */
const OTHER_PROTOCOLS: readonly number[] = [0x52, 0x49];

/**
 * Turns the status 100 of interim answers into 102 in place, because undici destroys the socket at a `100 Continue` that it didn't ask for,
 * but skips 102; and another protocol's name into none. Answers may come in pieces.
 */
export class StatusRewriter {
  #state: "status" | "headers" | "final" = "final";
  #positionInStatusLine = 0;
  #isTen = false;
  #isLineEmpty = false;

  expectAnswer(): void {
    this.#state = "status";
    this.#positionInStatusLine = 0;
  }

  rewrite(chunk: Buffer): void {
    for (let index = 0; index < chunk.length && this.#state !== "final"; index++) {
      const byte = chunk[index] ?? 0;
      if (this.#state === "headers") this.#skipHeaderByte(byte);
      else chunk[index] = this.#rewriteStatusByte(byte);
    }
  }

  #rewriteStatusByte(byte: number): number {
    const position = this.#positionInStatusLine++;
    const expected = INTERIM_STATUS_LINE.charCodeAt(position);
    if (expected !== ANY_BYTE && expected !== byte) {
      const isBlank = position === 0 && (byte === CR || byte === LF);
      if (isBlank) this.expectAnswer();
      else this.#state = "final";
      return position === 0 && OTHER_PROTOCOLS.includes(byte) ? ANY_BYTE : byte;
    }
    if (position === FIRST_DIGIT + 1) this.#isTen = byte === ZERO;
    if (position !== LAST_DIGIT) return byte;
    this.#state = "headers";
    this.#isLineEmpty = false;
    return this.#isTen && byte === ZERO ? TWO : byte;
  }

  #skipHeaderByte(byte: number): void {
    if (byte === LF && this.#isLineEmpty) this.expectAnswer();
    else if (byte === LF) this.#isLineEmpty = true;
    else if (byte !== CR) this.#isLineEmpty = false;
  }
}
