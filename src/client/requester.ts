/** Requests are paced and retried, in bounded time. */
import { type Advice, advise, WhcbError } from "../domain/errors.js";
import type { SecretMask } from "../domain/mask.js";
import type { Clock } from "../platform/clock.js";
import { isLoopbackUrl } from "../platform/loopback.js";
import type { Pacer } from "../platform/pacer.js";
import type { Random } from "../platform/random.js";
import { readDate, toIsoDate } from "../wire/dates.js";
import { parseRetryAfter } from "../wire/retry-after.js";
import { isOverDay, isOverRate, serviceError } from "./service-error.js";
import {
  REQUEST_TIME_LIMIT_MS,
  type Transport,
  TransportFailure,
  type TransportRequest,
  type TransportResponse,
} from "./transport.js";
import { type BeginWait, type OngoingWait, SILENT_WAIT, type Wait } from "./wait.js";

export type Requester = ReturnType<typeof createRequester>;

export interface RequesterOptions {
  /** Gets a line without secrets for each request. */
  readonly onExchange?: ((line: string) => void) | undefined;
  readonly beginWait?: BeginWait | undefined;
  /** A GET that isn't answered is given up after this time, if it isn't null. */
  readonly readPatienceMs?: (() => number | null) | undefined;
  /** `retriesRefused` is asked while a service that has answered before refuses connections: false lets the request fail at once. The default is true. */
  readonly retriesRefused?: ((reason: string) => boolean) | undefined;
}

export interface RequesterDeps extends RequesterOptions {
  readonly transport: Transport;
  readonly mask: SecretMask;
  readonly pacer: Pacer;
  readonly clock: Clock;
  readonly random: Random;
}

/** `GIVE_UP_AFTER_MS` counts from the first try of a request. */
const GIVE_UP_AFTER_MS = 120_000;
const MAX_TRIES = 10;
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 15_000;
/** `FIRST_OVER_RATE_WAIT_MS` lasts at least as long as the plan's window, 1 s. */
const FIRST_OVER_RATE_WAIT_MS = 1_000;
/** No request is sent for so long after the daily limit was reached. */
const OVER_DAY_PAUSE_MS = 60_000;
/** A shorter pause is waited out after a stop: what an endpoint accepted is marked then, too. */
const LONGEST_UNSTOPPED_PAUSE_MS = 5_000;

type Outcome = TransportResponse | TransportFailure;

/** Is asked before a request is repeated. The service, or what is before it, may have executed the last one without saying so. */
export type RepeatCheck = (mayBeExecuted: boolean) => boolean;

export interface RunSignals {
  readonly stop: AbortSignal;
  readonly giveUp: AbortSignal;
}

export function createRequester(deps: RequesterDeps) {
  const { transport, mask, pacer, clock, random, readPatienceMs, beginWait = SILENT_WAIT } = deps;
  const service = { name: transport.name, mask };
  let hasAnswered = false;
  let serviceTime: { readonly at: number; readonly sentMs: number; readonly answeredMs: number } | null = null;
  let overDay: { readonly until: number; readonly error: WhcbError } | null = null;
  let run: RunSignals | null = null;

  /** Returns the service's clock, or up to the time that its last answer took before it. It is null if the service doesn't say it. */
  function serviceNow(): number | null {
    return serviceTime === null ? null : Math.floor(serviceTime.at + clock.monotonicMs() - serviceTime.answeredMs);
  }

  /** Returns between which instants the service's clock is, as its last answer came after its request. */
  function serviceTimeRange(): readonly [earliest: number, latest: number] | null {
    const now = clock.monotonicMs();
    return serviceTime && [serviceTime.at + now - serviceTime.answeredMs, serviceTime.at + now - serviceTime.sentMs];
  }

  /** Returns the service's clock, or up to the time that its last answer took after it, as `serviceNow` does. */
  function latestServiceNow(): number | null {
    const range = serviceTimeRange();
    return range && Math.ceil(range[1]);
  }

  /** A request that changes something may arrive long after this process has ended. */
  function withDeadline(request: TransportRequest): TransportRequest {
    const now = serviceNow();
    if (request.method === "GET" || now === null) return request;
    return { ...request, headers: { ...request.headers, "x-execute-before": toIsoDate(now + REQUEST_TIME_LIMIT_MS) } };
  }

  async function sendOnce(request: TransportRequest, timeLimitMs: number, wait: OngoingWait): Promise<Outcome> {
    if (pacer.perSecond !== null) wait.change({ for: "rate", perSecond: pacer.perSecond });
    await pacer.take(run?.giveUp);
    wait.change({ for: "answer", from: "service", until: clock.now() + timeLimitMs });
    const startedAt = clock.monotonicMs();
    const outcome = await transport
      .send({ ...withDeadline(request), timeLimitMs, giveUp: run?.giveUp })
      .catch((error: unknown) => {
        if (error instanceof TransportFailure) return error;
        throw error;
      });
    const at = outcome instanceof TransportFailure ? null : readDate(outcome.headers["x-service-time"]);
    if (at !== null) serviceTime = { at, sentMs: startedAt, answeredMs: clock.monotonicMs() };
    if (deps.onExchange) {
      const what = outcome instanceof TransportFailure ? outcome.message : `${outcome.status}, ${outcome.body.length} characters`;
      const tookMs = Math.round(clock.monotonicMs() - startedAt);
      deps.onExchange(`${request.method} ${mask(withoutKey(request.path))} -> ${what} (${tookMs} ms)`);
    }
    return outcome;
  }

  function mayRetry(outcome: Outcome, isRepeatable: boolean): boolean {
    if (outcome instanceof TransportFailure) {
      if (outcome.reason === "tls" || outcome.reason === "too-large") return false;
      // If it has never answered, the URL is wrong or there is no service, so waiting won't help.
      if (wasNotSent(outcome)) {
        return hasAnswered && (deps.retriesRefused?.(outcome.message) ?? true);
      }
      return isRepeatable;
    }
    // This process may have been stopped. The answer has the service's clock for the next try.
    if (outcome.status === 412 && serviceTime !== null) return true;
    return isOverRate(outcome) || (isRepeatable && outcome.status >= 500 && outcome.status !== 501);
  }

  /**
   * Returns any answer but those to retry later. A request that came too late is sent again, and a request that `isRepeatable` is sent again after no answer or a 5xx other than 501, if
   * `isWanted` still says so. Throws `network`, `unavailable`, `rate-limited`, `quota-exceeded`.
   */
  async function send(
    request: TransportRequest,
    isRepeatable: boolean,
    isWanted: RepeatCheck = () => true,
  ): Promise<TransportResponse> {
    const wait = beginWait({ for: "answer", from: "service", until: clock.now() + REQUEST_TIME_LIMIT_MS });
    try {
      return await sendRepeatedly(request, isRepeatable, isWanted, wait);
    } finally {
      wait.end();
    }
  }

  async function sendRepeatedly(
    request: TransportRequest,
    isRepeatable: boolean,
    isWanted: RepeatCheck,
    wait: OngoingWait,
  ): Promise<TransportResponse> {
    const startedAt = clock.monotonicMs();
    const patienceMs = (request.method === "GET" && readPatienceMs?.()) || null;
    for (let tries = 1; ; tries++) {
      if (overDay !== null && clock.monotonicMs() < overDay.until) throw overDay.error;
      const outcome = await sendOnce(request, patienceMs ?? REQUEST_TIME_LIMIT_MS, wait);
      if (!(outcome instanceof TransportFailure)) hasAnswered = true;
      if (!(outcome instanceof TransportFailure) && isOverDay(outcome)) {
        const error = serviceError(outcome, service);
        overDay = { until: clock.monotonicMs() + OVER_DAY_PAUSE_MS, error };
        throw error;
      }
      const pauseMs = askedPauseMs(outcome, clock.now());
      const waitMs = mayRetry(outcome, isRepeatable) ? waitMsAfter(outcome, tries, pauseMs, random.fraction()) : null;
      const giveUpAfterMs = outcome instanceof TransportFailure ? (patienceMs ?? GIVE_UP_AFTER_MS) : GIVE_UP_AFTER_MS;
      const isFinal = waitMs === null || tries >= MAX_TRIES || clock.monotonicMs() + waitMs - startedAt > giveUpAfterMs;
      const stop = (pauseMs > LONGEST_UNSTOPPED_PAUSE_MS ? run?.stop : run?.giveUp) ?? null;
      const isStopped = (): boolean => stop?.aborted === true;
      if (!isFinal && !isStopped()) {
        const until = clock.now() + waitMs;
        wait.change(waitAfter(outcome, { until, pauseMs, tries }));
        await clock.sleepUntil(until, stop ?? undefined);
        if (!isStopped() && isWanted(mayBeExecuted(outcome))) continue;
      }
      if (outcome instanceof TransportFailure) throw networkError(outcome, transport.name, request.method, patienceMs !== null);
      if (isOverRate(outcome) || (outcome.status >= 500 && outcome.status !== 501)) {
        throw serviceError(outcome, service, parseRetryAfter(outcome.headers["retry-after"] ?? "", clock.now()));
      }
      return outcome;
    }
  }

  /** Until the returned function is called, `stop` ends each pause of more than 5 s that the service asks for, and `giveUp` every request. */
  function followRun(signals: RunSignals): () => void {
    run = signals;
    return () => {
      run = null;
    };
  }

  return { send, serviceNow, latestServiceNow, serviceTimeRange, followRun };
}

function mayBeExecuted(outcome: Outcome): boolean {
  return outcome instanceof TransportFailure ? !wasNotSent(outcome) : outcome.status >= 500;
}

function wasNotSent({ reason }: TransportFailure): boolean {
  return reason === "refused" || reason === "dns";
}

interface NextTry {
  readonly until: number;
  readonly pauseMs: number;
  readonly tries: number;
}

function waitAfter(outcome: Outcome, { until, pauseMs, tries }: NextTry): Wait {
  if (outcome instanceof TransportFailure)
    return { for: "retry", until, reason: outcome.message, tried: tries, mostTries: MAX_TRIES };
  const { status } = outcome;
  return pauseMs > 0
    ? { for: "pause", from: "service", until, status, retryAfterMs: pauseMs }
    : { for: "retry", until, reason: `it answers ${status}`, tried: tries, mostTries: MAX_TRIES };
}

/** Returns what Retry-After asks for, in ms, or 0. */
function askedPauseMs(outcome: Outcome, now: number): number {
  return outcome instanceof TransportFailure ? 0 : (parseRetryAfter(outcome.headers["retry-after"] ?? "", now) ?? 0);
}

/** Returns 250 ms, doubling to 15 s, with jitter, and at least the pause asked for. `fraction` is random, in [0,1). */
function waitMsAfter(outcome: Outcome, tries: number, pauseMs: number, fraction: number): number {
  const isTooFast = !(outcome instanceof TransportFailure) && isOverRate(outcome);
  const step = Math.min(MAX_WAIT_MS, (isTooFast ? FIRST_OVER_RATE_WAIT_MS : FIRST_WAIT_MS) * 2 ** (tries - 1));
  const waitMs = step * ((isTooFast ? 1 : 0.5) + fraction / 2);
  return Math.round(Math.max(waitMs, pauseMs));
}

function networkError(failure: TransportFailure, service: string, method: string, isImpatient: boolean): WhcbError {
  const advice = adviceFor(failure, service, method, isImpatient);
  return new WhcbError("network", `${service}: ${failure.message}`, { cause: failure, ...advice });
}

function adviceFor({ reason }: TransportFailure, service: string, method: string, isImpatient: boolean): Advice {
  if (reason === "timeout" && isImpatient) {
    const list = { command: "whcb calls list --failed", when: "to wait longer" };
    return advise`It may only be slow: ${list} waits a minute for each answer.`;
  }
  if (reason === "refused" && isLoopbackUrl(service)) {
    return advise`Is a service running there? ${{ command: "whcb serve", when: "to start one" }} starts one.`;
  }
  if (reason === "refused" || reason === "dns")
    return advise`Check the profile's URL: ${{ command: "whcb config get url", when: "to check the URL" }}.`;
  if (method !== "GET" && reason !== "tls") {
    return { hint: "The request may have been executed: check before you send it again." };
  }
  return {};
}

/** The platform's links may hold the API key. */
function withoutKey(path: string): string {
  return path.replace(/([?&]apikey=)[^&]*/gi, "$1••••");
}
