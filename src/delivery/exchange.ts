/** One request and its answer, as undici tells it piece by piece. */
import { STATUS_CODES } from "node:http";
import { StringDecoder } from "node:string_decoder";
import type { Dispatcher as UndiciDispatcher } from "undici";
import type { DeliveryResult } from "../domain/attempt.js";
import type { Deadlined } from "./deadline-queue.js";
import type { Delivery } from "./deliverer.js";
import { DeliveryFailure, exchangeFailure } from "./delivery-failure.js";
import type { Flooding } from "./flood-guard.js";
import type { Line, LineTaker, OriginLines } from "./origin-lines.js";
import { parseRetryAfter } from "./retry-after.js";

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

const KEPT_BODY_BYTES = 1024;
const KEPT_MESSAGE_LENGTH = 200;
/** More than any honest server sends, and few enough to cost nothing. */
const MAX_INFORMATIONAL = 100;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export class Exchange implements UndiciDispatcher.DispatchHandler, LineTaker, Deadlined, Flooding {
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
  readonly #options: ExchangeOptions;
  #line: Line | null = null;
  #controller: UndiciDispatcher.DispatchController | null = null;
  #isSettled = false;
  #informational = 0;
  #statusCode = 0;
  #statusMessage = "";
  #headers: Readonly<Record<string, string | string[] | undefined>> = {};
  #bodyBytes = 0;
  #body: Buffer | null = null;

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

  onRequestStart(controller: UndiciDispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isSettled) controller.abort(new DeliveryFailure("reset", "given up before it was sent"));
  }

  onResponseStart(
    controller: UndiciDispatcher.DispatchController,
    statusCode: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    statusMessage?: string,
  ): void {
    if (statusCode < 200) {
      this.#informational += 1;
      if (this.#informational > MAX_INFORMATIONAL) {
        controller.abort(
          new DeliveryFailure("too-large", `${this.#options.where} sent over ${MAX_INFORMATIONAL} informational answers`),
        );
      }
      return;
    }
    this.#statusCode = statusCode;
    this.#statusMessage = statusMessage ?? "";
    this.#headers = headers;
  }

  onResponseData(controller: UndiciDispatcher.DispatchController, chunk: Buffer): void {
    if (this.#bodyBytes < KEPT_BODY_BYTES) {
      // A copy, so that 1 KiB doesn't hold on to the whole of a read buffer.
      const kept = Buffer.from(chunk.subarray(0, KEPT_BODY_BYTES - this.#bodyBytes));
      this.#body = this.#body === null ? kept : Buffer.concat([this.#body, kept]);
    }
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes > this.#options.host.maxAnswerBytes) {
      this.#settle(this.#answered());
      controller.abort(new DeliveryFailure("too-large", "the rest of the answer is dropped"));
    }
  }

  onResponseEnd(): void {
    const { host, lines } = this.#options;
    this.#settle(this.#answered());
    if (this.#line !== null) lines.release(this.#line, host.monotonicMs());
  }

  onResponseError(_controller: UndiciDispatcher.DispatchController, error: Error): void {
    this.#fail(exchangeFailure(error, this.#options.where, this.#statusCode !== 0));
    if (this.#line !== null) this.#options.lines.discard(this.#line);
  }

  expire(): void {
    const { where, host } = this.#options;
    const within = `within ${host.deadlineMs / 1_000} s`;
    this.giveUp(
      this.#controller === null
        ? new DeliveryFailure("connect-timeout", `no connection to ${where} was free or came up ${within}`)
        : new DeliveryFailure("response-timeout", `no complete answer from ${where} ${within}`),
    );
  }

  /** Ends it, wherever it stands. */
  giveUp(failure: DeliveryFailure): void {
    this.#fail(failure);
    if (this.#line === null) this.#options.lines.forget(this);
    else this.#controller?.abort(failure);
  }

  #answered(): DeliveryResult {
    if (REDIRECTS.has(this.#statusCode)) {
      return {
        kind: "unreachable",
        reason: "redirect",
        detail: `${this.#statusCode} ${this.#message()}, not followed${this.#location()}`,
      };
    }
    return {
      kind: "answered",
      statusCode: this.#statusCode,
      statusMessage: this.#message(),
      body: this.#body === null ? "" : asText(this.#body),
    };
  }

  #message(): string {
    return storable(this.#statusMessage.slice(0, KEPT_MESSAGE_LENGTH)) || (STATUS_CODES[this.#statusCode] ?? "");
  }

  /** Where a redirect points, without the parts that may hold a key. */
  #location(): string {
    const location = this.#headers.location;
    if (typeof location !== "string" || !URL.canParse(location)) return "";
    const { protocol, host } = new URL(location);
    return ` (to ${protocol}//${host})`.slice(0, KEPT_MESSAGE_LENGTH);
  }

  #retryAfterMs(): number | null {
    const value = this.#headers["retry-after"];
    return typeof value === "string" ? parseRetryAfter(value, this.#options.host.now()) : null;
  }

  #fail(failure: DeliveryFailure): void {
    this.#settle({ kind: "unreachable", reason: failure.reason, detail: failure.message });
  }

  #settle(result: DeliveryResult): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#options.host.settled(this);
    this.#options.resolve({ result, retryAfterMs: this.#retryAfterMs() });
  }
}

/** Bytes that are no UTF-8 become U+FFFD; a character cut in two at the end is left out. */
function asText(bytes: Buffer): string {
  return storable(new StringDecoder("utf8").write(bytes));
}

/** Control characters are data, but for NUL: no PostgreSQL text can hold it. */
function storable(text: string): string {
  return text.replaceAll("\u0000", "\ufffd");
}
