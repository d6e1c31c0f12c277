/** An endpoint as the dispatcher sees it: up, down or recovering, and the moves between (docs/dispatcher.md, an endpoint). */
import type { AttemptCause } from "./attempt.js";
import { latestScheduledRetry, oneIntervalAfter, type RetryPolicy } from "./retry-policy.js";

/** Failures in a row after which an endpoint is down, and the requests that a tick may cost. */
export const FAILURES_TO_DOWN = 10;
export const FIRST_PROBE_STEP_MS = 1_000;
export const DEFAULT_MAX_IN_FLIGHT = 64;

export type EndpointState = "up" | "down" | "recovering";

export interface Endpoint {
  readonly state: EndpointState;
  /** Since the last success; while down, since the tick began. */
  readonly failuresInRow: number;
  /** While down. */
  readonly downSince: number | null;
  /** While down: when the next tick is due, and when the endpoint's clock last started (went down, or a tick began). */
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
  failuresInRow: 0,
  downSince: null,
  roundAt: null,
  roundBeganAt: null,
  probeAt: null,
  probeStepMs: FIRST_PROBE_STEP_MS,
  limit: 1,
  recovery: 0,
  recoveringSince: null,
};

/** A success: the first one after a time down starts a recovery with room for one request, each further one adds one. */
export function endpointAfterSuccess(endpoint: Endpoint, at: number, maxInFlight: number): Endpoint {
  switch (endpoint.state) {
    case "up":
      return endpoint.failuresInRow === 0 ? endpoint : { ...endpoint, failuresInRow: 0 };
    case "recovering":
      return { ...endpoint, failuresInRow: 0, limit: Math.min(endpoint.limit + 1, maxInFlight) };
    case "down":
      return { ...NEW_ENDPOINT, state: "recovering", recovery: endpoint.recovery + 1, recoveringSince: at };
  }
}

/** A failure: the tenth in a row puts it down; while recovering it halves the limit; a failed probe doubles the wait for the next. */
export function endpointAfterFailure(
  endpoint: Endpoint,
  failure: { readonly at: number; readonly cause: AttemptCause },
  policy: RetryPolicy,
  random: number,
): Endpoint {
  const failuresInRow = endpoint.failuresInRow + 1;
  if (endpoint.state === "down") {
    if (failure.cause !== "probe") return { ...endpoint, failuresInRow };
    return {
      ...endpoint,
      failuresInRow,
      probeAt: failure.at + endpoint.probeStepMs,
      probeStepMs: Math.min(endpoint.probeStepMs * 2, policy.intervalMs),
    };
  }
  if (failuresInRow < FAILURES_TO_DOWN) {
    return { ...endpoint, failuresInRow, limit: Math.max(1, Math.floor(endpoint.limit / 2)) };
  }
  return {
    ...NEW_ENDPOINT,
    state: "down",
    failuresInRow,
    downSince: failure.at,
    roundAt: oneIntervalAfter(failure.at, policy, random),
    roundBeganAt: failure.at,
    probeAt: failure.at,
    probeStepMs: Math.min(FIRST_PROBE_STEP_MS, policy.intervalMs),
    recovery: endpoint.recovery,
  };
}

/** A tick begins: its failures are counted from here, and the next is due one interval later. */
export function endpointAtRound(endpoint: Endpoint, at: number, policy: RetryPolicy, random: number): Endpoint {
  return { ...endpoint, failuresInRow: 0, roundBeganAt: at, roundAt: oneIntervalAfter(at, policy, random) };
}

/** Someone has just mended it (docs/dispatcher.md, a call, 8): while it is down, a tick is due now. */
export function endpointAfterRepair(endpoint: Endpoint, at: number): Endpoint {
  if (endpoint.state !== "down" || endpoint.roundAt === null) return endpoint;
  return { ...endpoint, roundAt: Math.min(endpoint.roundAt, at) };
}

/**
 * The endpoint by a wall clock that may have been set back, or with an interval that became shorter: its next tick and probe
 * are never further off than they could be had they been planned now.
 */
export function endpointByClock(endpoint: Endpoint, now: number, policy: RetryPolicy): Endpoint {
  const { roundAt, roundBeganAt, probeAt, probeStepMs } = endpoint;
  if (roundAt === null || roundBeganAt === null || probeAt === null) return endpoint;
  const latestTickAt = latestScheduledRetry(now, policy);
  const latestProbeAt = now + Math.min(probeStepMs, policy.intervalMs);
  if (roundAt <= latestTickAt && roundBeganAt <= now && probeAt <= latestProbeAt) return endpoint;
  return {
    ...endpoint,
    roundAt: Math.min(roundAt, latestTickAt),
    roundBeganAt: Math.min(roundBeganAt, now),
    probeAt: Math.min(probeAt, latestProbeAt),
  };
}

/**
 * Another process goes on with a recovery: with room for one request again, and as if the drain had run for one interval at
 * most. While no service ran nothing was drained, so a window that ended in that time is over.
 */
export function endpointTakenOver(endpoint: Endpoint, now: number, policy: RetryPolicy): Endpoint {
  if (endpoint.recoveringSince === null) return endpoint;
  return { ...endpoint, limit: 1, recoveringSince: Math.max(endpoint.recoveringSince, now - policy.intervalMs) };
}

/** Nothing due was left untried: up again, with the failures in a row that it had. */
export function endpointAfterDrain(endpoint: Endpoint): Endpoint {
  return { ...NEW_ENDPOINT, failuresInRow: endpoint.failuresInRow, recovery: endpoint.recovery };
}
