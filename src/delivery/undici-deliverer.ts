/** The deliverer: undici's connections under the limits of dispatch.md. */
import type { Clock } from "../platform/clock.js";
import { systemTimers, type Timers } from "../platform/clock.js";
import type { DeliveryRequest } from "../wire/delivery-request.js";
import { type AddressRule, ANY_ADDRESS } from "./address-rule.js";
import { DeadlineQueue } from "./deadline-queue.js";
import type { Deliverer, Delivery } from "./deliverer.js";
import { DeliveryFailure } from "./delivery-failure.js";
import { Exchange, type ExchangeHost } from "./exchange.js";
import { createNameResolver, type NameResolver } from "./name-resolver.js";
import { Origins } from "./origins.js";
import { ResponseSizeGuard } from "./response-size-guard.js";
import { SignalWatch } from "./signal-watch.js";
import { Targets } from "./targets.js";

export interface DelivererOptions {
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
  readonly timers?: Timers;
  /** Until the connection is up, name and TLS included. */
  readonly connectTimeoutMs?: number;
  /** From the call of `deliver` until the answer's last byte. */
  readonly deadlineMs?: number;
  /** Of the answer's body; what comes after is dropped with the connection. */
  readonly maxAnswerBytes?: number;
  /** To one scheme, host and port, however many callbacks are there: the limit of each is the dispatcher's. */
  readonly maxConnectionsPerOrigin?: number;
  /** How long an unused connection is kept. */
  readonly keepAliveMs?: number;
  readonly addressRule?: AddressRule;
  readonly names?: NameResolver;
  /** PEM certificates of authorities to trust instead of the system's. */
  readonly ca?: string;
}

/**
 * Shorter than the servers in use keep theirs (gunicorn 2 s; Node, Apache and uvicorn 5 s): a request that crosses with the
 * endpoint's closing is a failed attempt, and could open an outage that is none.
 */
const DEFAULT_KEEP_ALIVE_MS = 1_500;
const MAX_HEADER_BYTES = 16 * 1024;

export function createDeliverer(options: DelivererOptions): Deliverer {
  return new UndiciDeliverer(options);
}

class UndiciDeliverer implements Deliverer, ExchangeHost {
  readonly maxAnswerBytes: number;
  readonly deadlineMs: number;
  readonly #clock: Pick<Clock, "now" | "monotonicMs">;
  readonly #deadlines: DeadlineQueue<Exchange>;
  readonly #floods: ResponseSizeGuard<Exchange>;
  readonly #signals = new SignalWatch<Exchange>((exchange) =>
    exchange.giveUp(new DeliveryFailure("reset", "cut off by the service")),
  );
  readonly #targets: Targets;
  #isClosed = false;

  constructor(options: DelivererOptions) {
    const timers = options.timers ?? systemTimers;
    const addressRule = options.addressRule ?? ANY_ADDRESS;
    this.maxAnswerBytes = options.maxAnswerBytes ?? 64 * 1024;
    this.deadlineMs = options.deadlineMs ?? 60_000;
    this.#clock = options.clock;
    this.#deadlines = new DeadlineQueue(options.clock, timers);
    this.#floods = new ResponseSizeGuard(() => this.#deadlines.items(), timers);
    const origins = new Origins({
      clock: options.clock,
      timers,
      keepAliveMs: options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
      maxConnectionsPerOrigin: options.maxConnectionsPerOrigin ?? 512,
      maxHeaderBytes: MAX_HEADER_BYTES,
      connector: {
        timers,
        addressRule,
        names: options.names ?? createNameResolver({ clock: options.clock }),
        connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
      },
    });
    this.#targets = new Targets(origins, addressRule);
  }

  deliver(request: DeliveryRequest<string | Uint8Array | null>, signal?: AbortSignal): Promise<Delivery> {
    return new Promise((resolve) => {
      if (this.#isClosed || signal?.aborted === true) {
        resolve(unsent(new DeliveryFailure("reset", "cut off by the service")));
        return;
      }
      const target = this.#targets.of(request.url);
      if (target instanceof DeliveryFailure) {
        resolve(unsent(target));
        return;
      }
      const exchange = new Exchange({
        host: this,
        lines: target.lines(),
        where: target.where,
        request: { path: target.path, method: request.method, headers: headersOf(request), body: request.body },
        signal,
        deadlineAt: this.#clock.monotonicMs() + this.deadlineMs,
        resolve,
      });
      this.#deadlines.add(exchange);
      this.#floods.wake();
      if (signal !== undefined) this.#signals.add(signal, exchange);
      exchange.start();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const exchange of [...this.#deadlines.items()]) exchange.giveUp(new DeliveryFailure("reset", "the service is stopping"));
    await this.#targets.close();
  }

  now(): number {
    return this.#clock.now();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  settled(exchange: Exchange): void {
    this.#deadlines.delete(exchange);
    if (exchange.signal !== undefined) this.#signals.delete(exchange.signal, exchange);
  }
}

function unsent(failure: DeliveryFailure): Delivery {
  return { result: { kind: "unreachable", reason: failure.reason, detail: failure.message }, retryAfterMs: null };
}

/** Flat pairs, undici's cheapest form. What comes back compressed could be a bomb, so nothing compressed is asked for. */
function headersOf(request: Pick<DeliveryRequest, "headers">): string[] {
  const pairs = ["accept-encoding", "identity"];
  for (const name in request.headers) pairs.push(name, request.headers[name] ?? "");
  return pairs;
}
