import type { Dispatcher as UndiciDispatcher } from "undici";
import { ATTEMPT_DEADLINE_MS, hadNoConnection } from "../domain/attempt.js";
import { isWhcbError, type WhcbError } from "../domain/errors.js";
import type { Clock, Timers } from "../platform/clock.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";
import { type AddressRule, ANY_ADDRESS, checkCallbackUrl, parseHttpUrl } from "./address-rule.js";
import { ConnectionPool, type OriginConnections } from "./connection-pool.js";
import type { Deliverer, Delivery, MaySend } from "./deliverer.js";
import { DeliveryFailure } from "./delivery-failure.js";
import type { EgressProxy } from "./egress-proxy.js";
import { Exchange, type ExchangeHost, type ExchangeOptions, type ExchangeRequester } from "./exchange.js";
import { DeadlineQueue, ResponseSizeGuard } from "./exchange-limits.js";
import { createNameResolver, type NameResolver } from "./name-resolver.js";

export interface DelivererOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** DNS, TCP and TLS may take this long together. */
  readonly connectTimeoutMs?: number;
  /** A delivery may take this long, from `deliver` to the answer's last byte. */
  readonly deadlineMs?: number;
  /** The rest of a longer answer is dropped and the connection closed. */
  readonly maxAnswerBytes?: number;
  /** All callbacks of an origin share this limit. */
  readonly maxConnectionsPerOrigin?: number;
  readonly keepAliveMs?: number;
  /** An origin's connections aren't reused for this long after its first answer: an endpoint in trouble may answer twice. */
  readonly watchedMs?: number;
  readonly addressRule?: AddressRule;
  readonly names?: NameResolver;
  readonly egressProxy?: EgressProxy | null;
  /** These authorities, in PEM, replace the system's. */
  readonly ca?: string;
  /** Is called at an answer that nothing asked for, at most once in ten minutes for an origin. */
  readonly onSecondAnswer?: (origin: string) => void;
}

/** `DEFAULT_KEEP_ALIVE_MS` is shorter than servers' (gunicorn 2 s; Node, Apache, uvicorn 5 s), so they rarely close first. */
const DEFAULT_KEEP_ALIVE_MS = 1_500;
const DEFAULT_WATCHED_MS = 100;
const MAX_HEADER_BYTES = 16 * 1024;

/** No host has a name below .invalid (RFC 2606). */
const NO_HOST = "whcb-proxy-check.invalid";
/** A proxy may wait longer for its DNS server; another server answers at once. */
const PROXY_CHECK_MS = 5_000;

export function createDeliverer(options: DelivererOptions): Deliverer {
  return new UndiciDeliverer(options);
}

class UndiciDeliverer implements Deliverer, ExchangeHost {
  readonly maxAnswerBytes: number;
  readonly deadlineMs: number;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #deadlines: DeadlineQueue<Exchange>;
  readonly #sizeGuard: ResponseSizeGuard<Exchange>;
  readonly #targets: TargetCache;
  /** It is null until the egress proxy is asked, which is before its first request for an http endpoint. */
  #proxyCheck: Promise<void> | null = null;
  /** The proxy had failed so often before its check. */
  #failuresBefore = 0;
  #isClosed = false;

  constructor(options: DelivererOptions) {
    const { timers } = options;
    const addressRule = options.addressRule ?? ANY_ADDRESS;
    this.maxAnswerBytes = options.maxAnswerBytes ?? 64 * 1024;
    this.deadlineMs = options.deadlineMs ?? ATTEMPT_DEADLINE_MS;
    this.#clock = options.clock;
    this.#timers = timers;
    this.#deadlines = new DeadlineQueue(timers);
    this.#sizeGuard = new ResponseSizeGuard(() => this.#deadlines.items(), timers);
    const pool = new ConnectionPool({
      clock: options.clock,
      timers,
      keepAliveMs: options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
      watchedMs: options.watchedMs ?? DEFAULT_WATCHED_MS,
      maxConnectionsPerOrigin: options.maxConnectionsPerOrigin ?? 512,
      maxHeaderBytes: MAX_HEADER_BYTES,
      onSecondAnswer: options.onSecondAnswer ?? (() => {}),
      connector: {
        timers,
        addressRule,
        names:
          options.names ?? createNameResolver({ clock: options.clock, timers, usesSearchDomains: addressRule.kind === "any" }),
        connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
      },
    });
    this.#targets = new TargetCache(pool, addressRule, options.egressProxy ?? null);
  }

  deliver(request: DeliveryRequest<string | Uint8Array | null>): Promise<Delivery> {
    return new Promise((resolve, reject) => this.#start(request, { guard: null, resolve, reject }));
  }

  deliverIf(maySend: MaySend, request: DeliveryRequest<string | Uint8Array | null>): Promise<Delivery | null> {
    const stoppedBeforeMs = this.#timers.stoppedMs();
    return new Promise((resolve, reject) => {
      const guard = {
        maySend: () => maySend(this.#timers.stoppedMs() - stoppedBeforeMs),
        onWithheld: () => resolve(null),
      };
      this.#start(request, { guard, resolve, reject });
    });
  }

  #start(request: DeliveryRequest<string | Uint8Array | null>, requester: ExchangeRequester): void {
    const target = this.#targets.targetOf(request.url);
    if (target instanceof DeliveryFailure) {
      refuse(requester, target);
      return;
    }
    const { path, forwarder } = target;
    const { method, body } = request;
    const deadlineAt = this.#timers.runningMs() + this.deadlineMs;
    const secrets = [...(request.secrets ?? []), ...(forwarder?.secrets ?? [])];
    const headers = headersOf(request.headers, forwarder);
    const send = () => this.#send({ path, method, headers, body }, { target, requester, secrets, deadlineAt });
    if (forwarder === null) {
      send();
      return;
    }
    if (this.#proxyCheck === null || this.#failuresBefore !== forwarder.failures) {
      this.#failuresBefore = forwarder.failures;
      this.#proxyCheck = this.#checkProxy(target, forwarder);
    }
    this.#proxyCheck.then(send, (error: WhcbError) => requester.reject(error));
  }

  #send(request: UndiciDispatcher.DispatchOptions, { target, ...rest }: Sending): void {
    if (this.#isClosed) {
      refuse(rest.requester, stoppingFailure());
      return;
    }
    const { where, forwarder } = target;
    const exchange = new Exchange({ ...rest, host: this, connections: target.connections(), where, forwarder, request });
    this.#deadlines.add(exchange);
    this.#sizeGuard.startChecks();
    exchange.start();
  }

  /** Another server than a proxy takes all requests for its own, and its 200 would count as the endpoint's. Rejects with an OwnShortage. */
  async #checkProxy(target: Target, forwarder: EgressProxy): Promise<void> {
    let isChecked = false;
    try {
      const path = `http://${NO_HOST}${new URL(target.path).pathname}`;
      const headers = headersOf({ host: NO_HOST }, forwarder);
      const deadlineAt = this.#timers.runningMs() + Math.min(PROXY_CHECK_MS, this.deadlineMs / 2);
      const { result } = await new Promise<Delivery>((resolve, reject) => {
        const requester = { guard: null, resolve, reject };
        this.#send({ path, method: "POST", headers, body: null }, { target, requester, secrets: forwarder.secrets, deadlineAt });
      });
      if (result.kind === "answered" && result.statusCode < 300)
        throw forwarder.failed(`isn't one, or hides errors: it answered ${result.statusCode} for ${NO_HOST}, which can't exist`);
      isChecked = result.kind === "answered" || !hadNoConnection(null, result.reason);
    } finally {
      if (!isChecked) this.#proxyCheck = null;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const exchange of [...this.#deadlines.items()]) exchange.abort(stoppingFailure());
    await this.#targets.close();
  }

  now(): number {
    return this.#clock.now();
  }

  afterTurn(handler: () => void): void {
    void this.#clock.nextTurn().then(handler);
  }

  onSettled(exchange: Exchange): void {
    this.#deadlines.delete(exchange);
  }
}

/** Undici takes this form most cheaply. Compression isn't accepted: it could be a decompression bomb. */
function headersOf(headers: DeliveryRequest["headers"], forwarder: EgressProxy | null): string[] {
  const pairs = ["accept-encoding", "identity"];
  if (forwarder !== null && forwarder.authorization !== null) pairs.push("proxy-authorization", forwarder.authorization);
  for (const name in headers) pairs.push(name, headers[name] ?? "");
  return pairs;
}

function refuse({ resolve }: ExchangeRequester, { reason, message }: DeliveryFailure): void {
  resolve({ result: { kind: "unreachable", reason, detail: message }, retryAfterMs: null });
}

function stoppingFailure(): DeliveryFailure {
  return new DeliveryFailure("reset", "the service is stopping");
}

interface Sending extends Pick<ExchangeOptions, "requester" | "secrets" | "deadlineAt"> {
  readonly target: Target;
}

interface Target {
  readonly path: string;
  /** The proxy reads and forwards the requests to an http endpoint; it is null if there is none, or it is a tunnel. */
  readonly forwarder: EgressProxy | null;
  /** The endpoint's host and port. */
  readonly where: string;
  /** Returns the origin's connections in the pool, which may recreate an idle origin. */
  connections(): OriginConnections;
}

const MAX_TARGETS = 2_000;

/** Knows the parsed URLs of callbacks, or why one can't be reached. */
class TargetCache {
  readonly #targets = new Map<string, Target | DeliveryFailure>();
  readonly #pool: ConnectionPool;
  readonly #rule: AddressRule;
  readonly #egressProxy: EgressProxy | null;

  constructor(pool: ConnectionPool, rule: AddressRule, egressProxy: EgressProxy | null) {
    this.#pool = pool;
    this.#rule = rule;
    this.#egressProxy = egressProxy;
  }

  targetOf(url: string): Target | DeliveryFailure {
    const cached = this.#targets.get(url);
    if (cached !== undefined) return cached;
    const target = this.#parse(url);
    // The cache is bounded, because a URL may hold a key.
    if (this.#targets.size >= MAX_TARGETS) this.#targets.clear();
    this.#targets.set(url, target);
    return target;
  }

  async close(): Promise<void> {
    this.#targets.clear();
    await this.#pool.close();
  }

  #parse(url: string): Target | DeliveryFailure {
    try {
      checkCallbackUrl(url, this.#rule);
    } catch (error) {
      if (isWhcbError(error, "address-refused")) return new DeliveryFailure("address-refused", error.message);
      throw error;
    }
    const parsed = parseHttpUrl(url);
    if (parsed === null) return new DeliveryFailure("address-refused", "not an http or https URL");
    const { origin } = parsed;
    const path = parsed.pathname + parsed.search;
    const proxy = this.#egressProxy?.covers(parsed) ? this.#egressProxy : null;
    const forwarder = parsed.protocol === "http:" ? proxy : null;
    return {
      path: forwarder === null ? path : origin + path,
      forwarder,
      where: `${parsed.hostname}:${parsed.port || (parsed.protocol === "https:" ? "443" : "80")}`,
      connections: () => this.#pool.connectionsOf(origin, proxy),
    };
  }
}
