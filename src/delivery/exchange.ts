/** One request and its answer, as undici tells it piece by piece. */
import type { Dispatcher as UndiciDispatcher } from "undici";
import type { DeliveryResult } from "../domain/attempt.js";
import type { Deadlined } from "./deadline-queue.js";
import type { Delivery } from "./deliverer.js";
import { DeliveryFailure, exchangeFailure } from "./delivery-failure.js";
import type { Line, LineTaker, OriginLines } from "./origin-connections.js";
import { KEPT_BODY_BYTES, type RawAnswer, resultOf, retryAfterOf } from "./read-answer.js";
import type { Flooding } from "./response-size-guard.js";

/** What an exchange tells to and asks of its deliverer. */
export interface ExchangeHost {
  readonly maxAnswerBytes: number;
  readonly deadlineMs: number;
  now(): number;
  monotonicMs(): number;
  /** Called once, when the result stands. */
  settled(exchange: Exchange): void;
}

export interface ExchangeOptions {
  readonly host: ExchangeHost;
  readonly lines: OriginLines;
  /** host:port, for details. */
  readonly where: string;
  readonly request: UndiciDispatcher.DispatchOptions;
  readonly signal: AbortSignal | undefined;
  readonly deadlineAt: number;
  readonly resolve: (delivery: Delivery) => void;
}

/** More than any honest server sends, and few enough to cost nothing. */
const MAX_INFORMATIONAL = 100;

/** undici calls it in its own, older form: with the newer one it parses all headers of each answer, an eighth of the whole cost. */
export class Exchange implements UndiciDispatcher.DispatchHandler, RawAnswer, LineTaker, Deadlined, Flooding {
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
  /** 0: no answer has begun. */
  statusCode = 0;
  statusMessage = "";
  headers: readonly Buffer[] = [];
  body: Buffer | null = null;
  readonly #options: ExchangeOptions;
  #line: Line | null = null;
  #abort: ((reason: Error) => void) | null = null;
  #isSettled = false;
  #informational = 0;
  #bodyBytes = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.deadlineAt = options.deadlineAt;
    this.signal = options.signal;
  }

  get where(): string {
    return this.#options.where;
  }

  get bytesRead(): number | null {
    return this.#line?.socket?.bytesRead ?? null;
  }

  start(): void {
    this.#options.lines.request(this);
  }

  take(line: Line): void {
    this.#line = line;
    line.client.dispatch(this.#options.request, this);
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    if (this.#isSettled) abort(new DeliveryFailure("reset", "given up before it was sent"));
  }

  onHeaders(statusCode: number, headers: Buffer[], _resume: () => void, statusMessage: string): boolean {
    if (statusCode < 200) {
      this.#informational += 1;
      if (this.#informational > MAX_INFORMATIONAL) {
        this.#abort?.(new DeliveryFailure("too-large", `${this.where} sent over ${MAX_INFORMATIONAL} informational answers`));
      }
      return true;
    }
    this.statusCode = statusCode;
    this.statusMessage = statusMessage;
    this.headers = headers;
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#bodyBytes < KEPT_BODY_BYTES) {
      // A copy, so that 1 KiB doesn't hold on to the whole of a read buffer.
      const kept = Buffer.from(chunk.subarray(0, KEPT_BODY_BYTES - this.#bodyBytes));
      this.body = this.body === null ? kept : Buffer.concat([this.body, kept]);
    }
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes > this.#options.host.maxAnswerBytes) {
      this.#settleAnswered();
      this.#abort?.(new DeliveryFailure("too-large", "the rest of the answer is dropped"));
    }
    return true;
  }

  onComplete(): void {
    const { host, lines } = this.#options;
    this.#settleAnswered();
    if (this.#line !== null) lines.release(this.#line, host.monotonicMs());
  }

  onError(error: Error): void {
    this.#fail(exchangeFailure(error, this.where, this.statusCode !== 0));
    if (this.#line !== null) this.#options.lines.discard(this.#line);
  }

  expire(): void {
    const { where, host } = this.#options;
    const within = `within ${host.deadlineMs / 1_000} s`;
    this.giveUp(
      this.#abort === null
        ? new DeliveryFailure("connect-timeout", `no connection to ${where} was free or came up ${within}`)
        : new DeliveryFailure("response-timeout", `no complete answer from ${where} ${within}`),
    );
  }

  /** Ends it, wherever it stands. */
  giveUp(failure: DeliveryFailure): void {
    this.#fail(failure);
    if (this.#line === null) this.#options.lines.forget(this);
    else this.#abort?.(failure);
  }

  #settleAnswered(): void {
    if (!this.#isSettled) this.#settle(resultOf(this));
  }

  #fail(failure: DeliveryFailure): void {
    this.#settle({ kind: "unreachable", reason: failure.reason, detail: failure.message });
  }

  #settle(result: DeliveryResult): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const { host, resolve } = this.#options;
    host.settled(this);
    resolve({ result, retryAfterMs: retryAfterOf(this, host.now()) });
  }
}
