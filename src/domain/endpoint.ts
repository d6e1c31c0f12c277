/** An endpoint as the dispatcher sees it: up, down or recovering, and how it changes (docs/dispatcher.md, An endpoint). */
import type { AttemptCause } from "./attempt.js";
import { latestScheduledRetry, oneIntervalAfter, type RetryPolicy } from "./retry-policy.js";

/** Different calls that fail in a row until an endpoint is down, and the requests that a round may cost. */
export const FAILURES_TO_DOWN = 10;
export const FIRST_PROBE_STEP_MS = 1_000;
export const DEFAULT_MAX_IN_FLIGHT = 64;

export type EndpointState = "up" | "down" | "recovering";

export interface Endpoint {
  readonly state: EndpointState;
  /** The seqs of the different calls that failed since the last success: up to nine, none while down. */
  readonly failedCalls: readonly number[];
  /** While down. */
  readonly downSince: number | null;
  /** While down: when the next round is due, and when the last one began (or the endpoint went down). */
  readonly roundAt: number | null;
  readonly roundBeganAt: number | null;
  /** While down: when the next probe may go, and how long it waits after that one fails. */
  readonly probeAt: number | null;
  readonly probeStepMs: number;
  /** How many may be in flight while recovering. */
  readonly limit: number;
  /** The number of recoveries so far; the running one's number while recovering. */
  readonly recovery: number;
  /** While recovering: the first success. What was inside its window then is sent. */
  readonly recoveringSince: number | null;
}

export const NEW_ENDPOINT: Endpoint = {
  state: "up",
  failedCalls: [],
  downSince: null,
  roundAt: null,
  roundBeganAt: null,
  probeAt: null,
  probeStepMs: FIRST_PROBE_STEP_MS,
  limit: 1,
  recovery: 0,
  recoveringSince: null,
};

/** The first success while down starts a recovery with a limit of one request; each further one raises the limit by one. */
export function endpointAfterSuccess(endpoint: Endpoint, at: number, maxInFlight: number): Endpoint {
  switch (endpoint.state) {
    case "up":
      return endpoint.failedCalls.length === 0 ? endpoint : { ...endpoint, failedCalls: [] };
    case "recovering":
      return { ...endpoint, failedCalls: [], limit: Math.min(endpoint.limit + 1, maxInFlight) };
    case "down":
      return { ...NEW_ENDPOINT, state: "recovering", recovery: endpoint.recovery + 1, recoveringSince: at };
  }
}

/**
 * The tenth different call that fails in a row puts the endpoint down; a call's further failures don't count again. While recovering a
 * failure halves the limit; a failed probe doubles the wait for the next one.
 */
export function endpointAfterFailure(
  endpoint: Endpoint,
  failure: { readonly at: number; readonly cause: AttemptCause; readonly callSeq: number },
  policy: RetryPolicy,
  random: number,
): Endpoint {
  const { at, cause, callSeq } = failure;
  if (endpoint.state === "down") {
    if (cause !== "probe") return endpoint;
    const probeStepMs = Math.min(endpoint.probeStepMs * 2, policy.intervalMs);
    return { ...endpoint, probeAt: at + endpoint.probeStepMs, probeStepMs };
  }
  const failedCalls = endpoint.failedCalls.includes(callSeq) ? endpoint.failedCalls : [...endpoint.failedCalls, callSeq];
  if (failedCalls.length < FAILURES_TO_DOWN) {
    return { ...endpoint, failedCalls, limit: Math.max(1, Math.floor(endpoint.limit / 2)) };
  }
  return {
    ...NEW_ENDPOINT,
    state: "down",
    downSince: at,
    roundAt: oneIntervalAfter(at, policy, random),
    roundBeganAt: at,
    probeAt: at,
    probeStepMs: Math.min(FIRST_PROBE_STEP_MS, policy.intervalMs),
    recovery: endpoint.recovery,
  };
}

/** A round begins; the next one is due an interval later. */
export function endpointAtRound(endpoint: Endpoint, at: number, policy: RetryPolicy, random: number): Endpoint {
  return { ...endpoint, roundBeganAt: at, roundAt: oneIntervalAfter(at, policy, random) };
}

/** It may have been repaired (docs/dispatcher.md, A call, Rules 7 and 8): while it is down, a round and a probe are due at `at`. */
export function endpointAfterRepair(endpoint: Endpoint, at: number): Endpoint {
  const { state, probeAt } = endpoint;
  return state !== "down" || probeAt === null
    ? endpoint
    : { ...endpointAfterReplayRequest(endpoint, at), probeAt: Math.min(probeAt, at) };
}

/** A replay was requested: while it is down, a round is due at `at`. */
export function endpointAfterReplayRequest(endpoint: Endpoint, at: number): Endpoint {
  const { state, roundAt } = endpoint;
  return state !== "down" || roundAt === null ? endpoint : { ...endpoint, roundAt: Math.min(roundAt, at) };
}

/**
 * The endpoint after the wall clock may have been set back, or the interval shortened: its next round and probe are no later than if
 * they were scheduled now.
 */
export function endpointByClock(endpoint: Endpoint, now: number, policy: RetryPolicy): Endpoint {
  const bounds = [
    ["downSince", now],
    ["roundAt", latestScheduledRetry(now, policy)],
    ["roundBeganAt", now],
    ["probeAt", now + Math.min(endpoint.probeStepMs, policy.intervalMs)],
    ["recoveringSince", now],
  ] as const;
  let after = endpoint;
  for (const [name, latest] of bounds) {
    const at = after[name];
    if (at !== null && at > latest) after = { ...after, [name]: latest };
  }
  return after;
}

/**
 * Another process continues a recovery: with a limit of one request again, and as if the drain had run for one interval at most. While
 * no service ran nothing was drained, so that a window that ended in that time is over.
 */
export function endpointTakenOver(endpoint: Endpoint, now: number, policy: RetryPolicy): Endpoint {
  if (endpoint.recoveringSince === null) return endpoint;
  return { ...endpoint, limit: 1, recoveringSince: Math.max(endpoint.recoveringSince, now - policy.intervalMs) };
}

/** Everything due was tried: it is up again, and the calls that failed in a row still count. */
export function endpointAfterDrain(endpoint: Endpoint): Endpoint {
  return { ...NEW_ENDPOINT, failedCalls: endpoint.failedCalls, recovery: endpoint.recovery };
}

/** How many requests may be in flight. */
export function inFlightLimit({ state, limit }: Endpoint, maxInFlight: number): number {
  if (state === "down") return Math.min(FAILURES_TO_DOWN, maxInFlight);
  return state === "recovering" ? limit : maxInFlight;
}
