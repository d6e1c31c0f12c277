import type { Dispatcher as UndiciDispatcher } from "undici";
import { type DeliveryResult, isAcceptedStatus } from "../domain/attempt.js";
import { WhcbError } from "../domain/errors.js";
import { longestSpelling } from "../domain/mask.js";
import { CollectedBytes } from "../wire/collected-bytes.js";
import { headerValue, KEPT_BODY_BYTES, type RawAnswer, resultOf, retryAfterOf } from "./answer-result.js";
import type { Connection, OriginConnections, Waiter } from "./connection-pool.js";
import type { Delivery, MaySend } from "./deliverer.js";
import { DeliveryFailure } from "./delivery-failure.js";
import { type EgressProxy, wantsCredentials } from "./egress-proxy.js";
import { exchangeFailure, switchedProtocols } from "./exchange-failure.js";
import type { Deadlined, GuardedExchange } from "./exchange-limits.js";

export interface ExchangeHost {
  readonly maxAnswerBytes: number;
  readonly deadlineMs: number;
  now(): number;
  afterTurn(handler: () => void): void;
  /** Is called once; the result is final. */
  onSettled(exchange: Exchange): void;
}

export interface SendGuard {
  maySend(): ReturnType<MaySend>;
  /** Is called instead of `resolve` if nothing was sent. */
  onWithheld(): void;
}

/** Who requested an exchange, and is told how it ended. */
export interface ExchangeRequester {
  /** If it is null, the request is sent as soon as it is connected. */
  readonly guard: SendGuard | null;
  readonly resolve: (delivery: Delivery) => void;
  /** Is called for what isn't the endpoint's fault. */
  readonly reject: (error: WhcbError) => void;
}

export interface ExchangeOptions {
  readonly requester: ExchangeRequester;
  readonly host: ExchangeHost;
  readonly connections: OriginConnections;
  /** The endpoint's host and port, for details of failures. */
  readonly where: string;
  /** This proxy forwards the request and its answer, or answers itself; null means that nothing reads them on the way. */
  readonly forwarder: EgressProxy | null;
  readonly request: UndiciDispatcher.DispatchOptions;
  /** `secrets` are masked where the answer repeats them. */
  readonly secrets: readonly string[];
  readonly deadlineAt: number;
}

class RequestWithheld extends Error {}

/** TLS notices within 3 turns that it has sent a request, and TLS in the TLS of a proxy within 6, by measurement. */
const MAX_NOTICE_TURNS = 20;

/** One request and its answer. Undici's newer handler methods parse all headers, which takes 1/8 of a delivery's CPU time. */
export class Exchange implements UndiciDispatcher.DispatchHandler, RawAnswer, Waiter, Deadlined, GuardedExchange {
  readonly deadlineAt: number;
  /** `statusCode` is 0 until the answer arrives. */
  statusCode = 0;
  statusMessage = "";
  location: string | null = null;
  retryAfter: string | null = null;
  body: CollectedBytes | null = null;
  /** A secret may begin in the part that is kept, and end after it. */
  readonly #maxCollectedBytes: number;
  readonly #options: ExchangeOptions;
  #connection: Connection | null = null;
  #abortRequest: ((reason: Error) => void) | null = null;
  #isSettled = false;
  /** What the guard has said; it is true before, and once a promise has been kept. */
  #maySend: ReturnType<MaySend> = true;
  /** Why it is sent again; it is null if it isn't. */
  #resendReason: DeliveryFailure | null = null;
  #bodyBytes = 0;
  /** The connection was closed while the request was being sent. */
  #isCutOff = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#maxCollectedBytes = KEPT_BODY_BYTES + 1 + longestSpelling(options.secrets);
    this.deadlineAt = options.deadlineAt;
  }

  get where(): string {
    return this.#options.where;
  }

  get secrets(): readonly string[] {
    return this.#options.secrets;
  }

  get bytesRead(): number | null {
    return this.#connection?.bytesRead ?? null;
  }

  get needsFreshConnection(): boolean {
    return this.#resendReason !== null;
  }

  start(): void {
    this.#options.connections.request(this);
  }

  useConnection(connection: Connection): void {
    this.#connection = connection;
    connection.client.dispatch(this.#options.request, this);
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abortRequest = abort;
    if (this.#isSettled) abort(new DeliveryFailure("reset", "aborted before it was sent"));
    else this.#maySend = this.#options.requester.guard?.maySend() ?? true;
    // Undici drops the request and keeps the connection.
    if (this.#maySend !== true) throw new RequestWithheld();
    this.#connection?.beginRequest();
  }

  async #sendIfPermitted(connection: Connection): Promise<void> {
    const isPermitted = (await this.#maySend) && !this.#isSettled;
    this.#maySend = true;
    if (isPermitted) return this.useConnection(connection);
    this.#settleWithheld();
    this.#options.connections.release(connection);
  }

  #settleWithheld(): void {
    const failure = this.#resendReason;
    this.#resendReason = null;
    if (failure !== null) this.#settleFailed(failure);
    else if (this.#finish()) this.#options.requester.guard?.onWithheld();
  }

  onHeaders(statusCode: number, headers: Buffer[], _resume: () => void, statusMessage: string): boolean {
    if (statusCode === 101) this.abort(switchedProtocols(this.where));
    if (statusCode < 200) return true;
    this.statusCode = statusCode;
    this.statusMessage = statusMessage;
    if (!isAcceptedStatus(statusCode)) {
      this.location = headerValue(headers, "location");
      this.retryAfter = headerValue(headers, "retry-after");
    }
    this.#connection?.continueAnswer();
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#connection?.continueAnswer();
    const missing = this.#maxCollectedBytes - this.#bodyBytes;
    if (missing > 0) {
      this.body ??= new CollectedBytes();
      this.body.add(chunk.subarray(0, missing));
    }
    const { maxAnswerBytes } = this.#options.host;
    const wasTooLarge = this.#bodyBytes > maxAnswerBytes;
    this.#bodyBytes += chunk.length;
    if (!wasTooLarge && this.#bodyBytes > maxAnswerBytes) this.#afterSending(() => this.#dropRest());
    return true;
  }

  #dropRest(): void {
    if (this.#isSettled) return;
    this.#settleAnswered();
    this.#abortRequest?.(new DeliveryFailure("too-large", "the rest of the body is dropped"));
  }

  onComplete(): void {
    // Undici takes a reset for the end of an answer that has no length.
    const error = this.#connection?.socketError ?? null;
    if (error !== null) {
      this.onError(error);
      return;
    }
    // Undici closes the socket after some answers, and what is left to send is forgotten then.
    this.#afterSending(() => this.#complete());
  }

  /** Waits until TLS has noticed that the request was sent, or doesn't in `turns` of the event loop. */
  #afterSending(handler: () => void, turns = MAX_NOTICE_TURNS): void {
    const connection = this.#connection;
    if (turns === 0 || this.#isCutOff || !this.#isEarly || connection?.isEncrypted !== true) {
      handler();
      return;
    }
    this.#options.host.afterTurn(() => {
      // Undici closes a socket at once if it is the endpoint's last answer there. Later, it is the endpoint that closes it.
      this.#isCutOff = turns < MAX_NOTICE_TURNS && connection.isClosed;
      this.#afterSending(handler, turns - 1);
    });
  }

  #complete(): void {
    const isEarly = this.#isEarly;
    this.#settleAnswered();
    if (this.#connection === null) return;
    // An endpoint in trouble may answer twice, and the second answer would be taken for that of the next request.
    if (isAcceptedStatus(this.statusCode) && !isEarly) this.#options.connections.release(this.#connection);
    else this.#options.connections.discard(this.#connection);
  }

  /** The endpoint has accepted what it can't have. */
  get #isEarly(): boolean {
    return isAcceptedStatus(this.statusCode) && (this.#isCutOff || this.#connection?.isSending === true);
  }

  onError(error: Error): void {
    const { connections } = this.#options;
    const connection = this.#connection;
    if (connection !== null && error instanceof RequestWithheld) {
      void this.#sendIfPermitted(connection);
      return;
    }
    const failure = error instanceof WhcbError ? error : exchangeFailure(error, this.where, this.statusCode !== 0);
    if (connection !== null && failure instanceof DeliveryFailure && this.#mayResend(error, failure, connection)) {
      this.#resendReason = failure;
      this.#connection = null;
      this.#abortRequest = null;
      connections.resend(connection, this);
      return;
    }
    if (failure instanceof WhcbError) this.#reject(failure);
    else this.#settleFailed(failure);
    if (connection !== null) connections.discard(connection);
  }

  /** A request that we aborted ourselves isn't sent again. */
  #mayResend(error: Error, failure: DeliveryFailure, connection: Connection): boolean {
    if (this.#isSettled || this.#resendReason !== null || error instanceof DeliveryFailure) return false;
    return failure.reason === "reset" && this.#abortRequest !== null && connection.isReusedWithoutAnswer;
  }

  expire(): void {
    if (this.#maySend !== true) {
      this.#settleWithheld();
      return;
    }
    const { where, host } = this.#options;
    const within = `within ${host.deadlineMs / 1_000} s`;
    this.abort(
      this.#abortRequest === null
        ? new DeliveryFailure("connect-timeout", `no free connection to ${where} ${within}`)
        : new DeliveryFailure("response-timeout", `no complete answer from ${where} ${within}`),
    );
  }

  abort(failure: DeliveryFailure): void {
    this.#settleFailed(failure);
    if (this.#connection === null) this.#options.connections.cancelRequest(this);
    else this.#abortRequest?.(failure);
  }

  #settleAnswered(): void {
    if (this.#isSettled) return;
    const { forwarder } = this.#options;
    if (forwarder !== null && this.statusCode === 407) {
      this.#reject(forwarder.failed(wantsCredentials(this.statusCode)));
      return;
    }
    forwarder?.worked();
    if (this.#isEarly)
      this.#settleFailed(
        new DeliveryFailure("protocol", `${this.where} answered ${this.statusCode} before it had the whole request`),
      );
    else this.#settle(resultOf(this));
  }

  #settleFailed({ reason, message }: DeliveryFailure): void {
    const lost = this.#resendReason;
    if (lost === null || this.#abortRequest !== null) {
      this.#settle({ kind: "unreachable", reason, detail: message });
      return;
    }
    this.#settleLost(lost, message);
  }

  /** It wasn't sent again, and the endpoint may have what was sent first. */
  #settleLost({ reason, message }: DeliveryFailure, why: string): void {
    this.#resendReason = null;
    this.#settle({ kind: "unreachable", reason, detail: `${message}, then ${why}` });
  }

  #settle(result: DeliveryResult): void {
    if (!this.#finish()) return;
    const { host, requester } = this.#options;
    const marked = this.#resendReason !== null ? { ...result, resent: true as const } : result;
    requester.resolve({ result: marked, retryAfterMs: retryAfterOf(this, host.now()) });
  }

  #reject(error: WhcbError): void {
    if (this.#resendReason !== null) this.#settleLost(this.#resendReason, error.message);
    else if (this.#finish()) this.#options.requester.reject(error);
  }

  #finish(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#options.host.onSettled(this);
    return true;
  }
}
