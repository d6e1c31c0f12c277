/** Limits what undici reads: it parses each chunk to its end, with a stack trace for each header over its own limit. */
import type { Socket } from "node:net";
import { errors } from "undici";
import { StatusRewriter } from "./interim-answers.js";

export class AnswerReader {
  readonly #rewriter = new StatusRewriter();
  /** Bytes read since the request, the end of the headers or a piece of the body. */
  #headerBytes = 0;

  constructor(socket: Socket, maxHeaderBytes: number) {
    const read = socket.read.bind(socket);
    socket.read = (size?: number): unknown => {
      const allowed = maxHeaderBytes - this.#headerBytes;
      const hasMore = size === undefined && socket.readableLength > allowed;
      if (hasMore && allowed <= 0) {
        socket.destroy(new errors.HeadersOverflowError());
        return null;
      }
      const chunk: unknown = read(hasMore ? allowed : size);
      if (Buffer.isBuffer(chunk)) {
        this.#headerBytes += chunk.length;
        this.#rewriter.rewrite(chunk);
      }
      return chunk;
    };
  }

  /** Call before each request, one at a time. */
  expectAnswer(): void {
    this.#headerBytes = 0;
    this.#rewriter.expectAnswer();
  }

  continueAnswer(): void {
    this.#headerBytes = 0;
  }
}
