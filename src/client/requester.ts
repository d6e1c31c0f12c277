/** One request until it is answered for good: paced, tried again where that may help, within a bounded time. */
import { WhcbError } from "../domain/errors.js";
import type { Clock } from "../platform/clock.js";
import type { Pacer } from "../platform/pacer.js";
import type { Random } from "../platform/random.js";
import { parseRetryAfter } from "../wire/retry-after.js";
import { backoffMs, GIVE_UP_AFTER_MS, MAX_TRIES } from "./backoff.js";
import { isOverDay, isOverRate, serviceError } from "./service-error.js";
import type { Transport, TransportRequest, TransportResponse } from "./transport.js";
import { TransportFailure } from "./transport-failure.js";

export interface Requester {
  /**
   * The answer, whatever its status, but for those that say "later": they are tried again and thrown in the end. `isRepeatable`: the
   * request may be carried out twice without harm, so it is sent again when no answer came or a 5xx. Throws `network`,
   * `unavailable`, `rate-limited`, `quota-exceeded`.
   */
  send(request: TransportRequest, isRepeatable: boolean): Promise<TransportResponse>;
}

export interface RequesterDeps {
  readonly transport: Transport;
  readonly pacer: Pacer;
  readonly clock: Clock;
  readonly random: Random;
  readonly onExchange?: ((line: string) => void) | undefined;
}

/** After "over the day" nothing more is asked for this long. */
const OVER_DAY_PAUSE_MS = 60_000;

export function createRequester(deps: RequesterDeps): Requester {
  const { transport, pacer, clock, random } = deps;
  let wasReached = false;
  let overDay: { readonly until: number; readonly error: WhcbError } | null = null;

  /** One try: the answer, or what came instead. */
  async function attempt(request: TransportRequest): Promise<TransportResponse | TransportFailure> {
    await pacer.take();
    const startedAt = clock.monotonicMs();
    const outcome = await transport.send(request).catch((error: unknown) => {
      if (error instanceof TransportFailure) return error;
      throw error;
    });
    if (deps.onExchange) {
      const what = outcome instanceof TransportFailure ? outcome.message : `${outcome.status}, ${outcome.body.length} characters`;
      deps.onExchange(
        `${request.method} ${withoutKey(request.path)} -> ${what} (${Math.round(clock.monotonicMs() - startedAt)} ms)`,
      );
    }
    return outcome;
  }

  function mayTryAgain(outcome: TransportResponse | TransportFailure, isRepeatable: boolean): boolean {
    if (outcome instanceof TransportFailure) {
      if (outcome.reason === "tls" || outcome.reason === "too-large") return false;
      // Never reached at all: the URL is wrong or nothing is running there, and waiting is no answer to that.
      if (outcome.reason === "refused" || outcome.reason === "dns") return wasReached;
      return isRepeatable;
    }
    return isOverRate(outcome) || (isRepeatable && outcome.status >= 500 && outcome.status !== 501);
  }

  return {
    async send(request, isRepeatable) {
      const startedAt = clock.monotonicMs();
      for (let tries = 1; ; tries++) {
        if (overDay !== null && clock.monotonicMs() < overDay.until) throw overDay.error;
        const outcome = await attempt(request);
        if (!(outcome instanceof TransportFailure)) wasReached = true;
        if (!(outcome instanceof TransportFailure) && isOverDay(outcome)) {
          const error = serviceError(outcome, transport.name);
          overDay = { until: clock.monotonicMs() + OVER_DAY_PAUSE_MS, error };
          throw error;
        }
        const waitMs = mayTryAgain(outcome, isRepeatable) ? waitAfter(outcome, tries) : null;
        const isOver = waitMs === null || tries >= MAX_TRIES || clock.monotonicMs() + waitMs - startedAt > GIVE_UP_AFTER_MS;
        if (!isOver) {
          await clock.sleepUntil(clock.now() + waitMs);
          continue;
        }
        if (outcome instanceof TransportFailure) throw networkError(outcome, transport.name, request.method);
        if (isOverRate(outcome) || outcome.status >= 500) throw serviceError(outcome, transport.name);
        return outcome;
      }
    },
  };

  function waitAfter(outcome: TransportResponse | TransportFailure, tries: number): number {
    const isAnswer = !(outcome instanceof TransportFailure);
    return backoffMs({
      tries,
      isOverRate: isAnswer && isOverRate(outcome),
      retryAfterMs: isAnswer ? parseRetryAfter(outcome.headers["retry-after"] ?? "", clock.now()) : null,
      unit: random.fraction(),
    });
  }
}

function networkError(failure: TransportFailure, service: string, method: string): WhcbError {
  return new WhcbError("network", `${service}: ${failure.message}`, { cause: failure, ...hintFor(failure, service, method) });
}

function hintFor({ reason }: TransportFailure, service: string, method: string): { readonly hint?: string } {
  if (reason === "refused" && isLoopback(service)) return { hint: "Is a service running there? `whcb serve` starts one." };
  if (reason === "refused" || reason === "dns") return { hint: "Check the profile's URL: `whcb config get url`." };
  if ((method === "POST" || method === "DELETE") && reason !== "tls")
    return { hint: "It may have been carried out: look before you send it again." };
  return {};
}

function isLoopback(service: string): boolean {
  return URL.canParse(service) && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(new URL(service).hostname);
}

/** A legacy service may put the key into the links that it gives. */
function withoutKey(path: string): string {
  return path.replace(/([?&]apikey=)[^&]*/gi, "$1••••");
}
