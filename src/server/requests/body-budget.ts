/** Bounds the bytes of request bodies in memory. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { WhcbError } from "../../domain/errors.js";
import type { Timers } from "../../platform/clock.js";
import { isSafe } from "../auth/request-origin.js";
import { isStreamed } from "./bodies.js";
import { answerTo } from "./error-answers.js";
import { rejectUnread } from "./send-errors.js";

/** A body takes several times its size in memory. */
const BUDGET_BYTES = 64 * 1024 * 1024;
/** A quarter of the budget is kept for bodies up to this size. */
const SMALL_BYTES = 64 * 1024;
/** Of an NDJSON stream, as long as it lasts: an unfinished line, and lines that aren't stored yet. A longer line reserves its own. */
export const STREAM_BYTES = 512 * 1024;

const BUSY = answerTo(new WhcbError("unavailable", "too many bytes of request bodies are in memory"));

export class BodyBudget {
  readonly #bytes: number;
  #used = 0;
  readonly #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];

  constructor(bytes = BUDGET_BYTES) {
    this.#bytes = bytes;
  }

  hasRoom(bytes: number): boolean {
    const limit = bytes <= SMALL_BYTES ? this.#bytes : this.#bytes * 0.75;
    return this.#used === 0 || this.#used + bytes <= limit;
  }

  tryReserve(bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false;
    this.#used += bytes;
    return true;
  }

  /** First come, first served. */
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

/** Until the answer is taken, which may name many rejected lines. Without room: 503, before the body is read. */
export function limitBodies(app: FastifyInstance, budget: BodyBudget, { timers, limit }: BodyLimits): void {
  const reading = new Map<FastifyRequest, number>();
  const handled = new Map<FastifyRequest, number>();

  app.addHook("preParsing", (request, reply, payload, done) => {
    const bytes = bytesToReserve(request, limit);
    if (bytes === 0) return done(null, payload);
    if (!budget.tryReserve(bytes)) return rejectUnread(request, reply, BUSY, timers);
    reading.set(request, bytes);
    // A body that is cut off has no handler.
    reply.raw.once("close", () => release(reading, request));
    done(null, payload);
  });
  app.addHook("preValidation", (request, _, done) => {
    const bytes = reading.get(request);
    reading.delete(request);
    if (bytes !== undefined) handled.set(request, bytes);
    done();
  });
  // Not before: the calls of a client who has gone may still be on their way to the database.
  app.addHook("onSend", (request, { raw }, payload, done) => {
    const end = () => {
      release(reading, request);
      release(handled, request);
    };
    if (raw.destroyed) end();
    else raw.once("close", end);
    done(null, payload);
  });

  function release(reserved: Map<FastifyRequest, number>, request: FastifyRequest): void {
    const bytes = reserved.get(request);
    if (bytes === undefined) return;
    reserved.delete(request);
    budget.release(bytes);
  }
}

interface BodyLimits {
  readonly timers: Timers;
  /** Counts for a body of unknown length. */
  readonly limit: number;
}

/** 0 for a body that isn't read, or is rejected for its length. */
function bytesToReserve(request: FastifyRequest, largest: number): number {
  const { headers, routeOptions } = request;
  if (isSafe(request)) return 0;
  if (isStreamed(request)) return STREAM_BYTES;
  const limit = Math.min(routeOptions.bodyLimit, largest);
  if (headers["transfer-encoding"] !== undefined) return limit;
  const bytes = Number(headers["content-length"] ?? 0);
  return bytes > limit ? 0 : bytes;
}
