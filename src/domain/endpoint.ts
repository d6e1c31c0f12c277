/** docs/dispatcher.md, An endpoint, gives the rules. */
import type { AttemptCause } from "./attempt.js";
import { latestScheduledRetry, oneIntervalAfter, type RetryPolicy } from "./retry-policy.js";

/** So many different calls that fail in a row make an endpoint down. A round has as many requests. */
export const FAILURES_TO_DOWN = 10;
export const FIRST_PROBE_STEP_MS = 1_000;
export const DEFAULT_MAX_IN_FLIGHT = 64;

export type EndpointStatus = "up" | "down" | "recovering";

export interface Endpoint {
  readonly state: EndpointStatus;
  /** The seqs of calls that failed since the last success, each once. There are at most nine, and none while down. */
  readonly failedCalls: readonly number[];
  readonly downSince: number | null;
  /** While down, the next round is due at this instant. */
  readonly roundAt: number | null;
  /** While down, the last round began at this instant, or the endpoint went down. */
  readonly roundBeganAt: number | null;
  /** While down, the next probe is due at this instant (see nextProbeAt). */
  readonly probeAt: number | null;
  /** If the next probe fails, the one after it waits for this long. */
  readonly probeStepMs: number;
  /** While down, the last probe began at this instant, or the endpoint went down; else it is 0. */
  readonly probeBeganAt: number;
  /** While it recovers, so many requests are in flight at most. */
  readonly limit: number;
  /** `recovery` counts the recoveries so far, including a running one. */
  readonly recovery: number;
  /** While it recovers, what was inside its window at this instant of the first success is sent. */
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
  probeBeganAt: 0,
  limit: 1,
  recovery: 0,
  recoveringSince: null,
};

/** While down, starts a recovery with a limit of one; each further one raises it by one. */
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

/** What waited for the end of a pause is sent as in a recovery. A pause that begins prepares that, as another process may see its end. */
export function endpointAfterPause(endpoint: Endpoint, at: number): Endpoint {
  if (endpoint.state === "down") return endpoint;
  const recovery = endpoint.state === "up" ? endpoint.recovery + 1 : endpoint.recovery;
  return { ...NEW_ENDPOINT, failedCalls: endpoint.failedCalls, state: "recovering", recovery, recoveringSince: at };
}

export interface EndpointFailure {
  readonly callSeq: number;
  readonly cause: AttemptCause;
  readonly beganAt: number;
  readonly at: number;
}

/** Is down after the tenth different call in a row. Halves a recovery's limit, and doubles the wait after a failed probe. */
export function endpointAfterFailure(
  endpoint: Endpoint,
  failure: EndpointFailure,
  policy: RetryPolicy,
  random: number,
): Endpoint {
  const { beganAt, at, cause, callSeq } = failure;
  if (endpoint.state === "down") {
    if (cause !== "probe") return endpoint;
    const probeStepMs = Math.min(endpoint.probeStepMs * 2, policy.intervalMs);
    return { ...endpoint, probeAt: at + endpoint.probeStepMs, probeStepMs, probeBeganAt: beganAt };
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
    probeBeganAt: at,
    recovery: endpoint.recovery,
  };
}

/** Begins a round. The next one is due an interval later. */
export function endpointAtRound(endpoint: Endpoint, at: number, policy: RetryPolicy, random: number): Endpoint {
  return { ...endpoint, roundBeganAt: at, roundAt: oneIntervalAfter(at, policy, random) };
}

/** Makes a round and a probe due while the endpoint is down (docs/dispatcher.md, A call, Rules 7 and 8). */
export function endpointAfterRepair(endpoint: Endpoint, at: number): Endpoint {
  const { probeAt } = endpoint;
  return probeAt === null ? endpoint : { ...endpointAfterReplayRequest(endpoint, at), probeAt: Math.min(probeAt, at) };
}

/** Makes a round due at `at` while the endpoint is down. */
export function endpointAfterReplayRequest(endpoint: Endpoint, at: number): Endpoint {
  const { roundAt } = endpoint;
  return roundAt === null ? endpoint : { ...endpoint, roundAt: Math.min(roundAt, at) };
}

/** A probe is due at `replayProbeAt` too if none began since, at most one a second. Returns null while it isn't down. */
export function nextProbeAt({ probeAt, probeBeganAt }: Endpoint, replayProbeAt: number): number | null {
  if (probeAt === null || replayProbeAt <= probeBeganAt) return probeAt;
  return Math.min(probeAt, Math.max(replayProbeAt, probeBeganAt + FIRST_PROBE_STEP_MS));
}

/** After a clock change or with a shorter interval, nothing is due later than if it was scheduled now. */
export function endpointByClock(endpoint: Endpoint, now: number, policy: RetryPolicy): Endpoint {
  const bounds = [
    ["downSince", now],
    ["roundAt", latestScheduledRetry(now, policy)],
    ["roundBeganAt", now],
    ["probeAt", now + Math.min(endpoint.probeStepMs, policy.intervalMs)],
    ["probeBeganAt", now],
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
 * Takes over the state that another process stored. The limit is one, and the drain began at most one interval ago, because nothing
 * was drained while no service ran.
 */
export function endpointTakenOver(endpoint: Endpoint, now: number, policy: RetryPolicy): Endpoint {
  if (endpoint.recoveringSince === null) return endpoint;
  return { ...endpoint, limit: 1, recoveringSince: Math.max(endpoint.recoveringSince, now - policy.intervalMs) };
}

/** Makes the endpoint up again. Calls that failed in a row still count. */
export function endpointAfterDrain(endpoint: Endpoint): Endpoint {
  return { ...NEW_ENDPOINT, failedCalls: endpoint.failedCalls, recovery: endpoint.recovery };
}

export function inFlightLimit({ state, limit }: Endpoint, maxInFlight: number): number {
  if (state === "down") return Math.min(FAILURES_TO_DOWN, maxInFlight);
  return state === "recovering" ? limit : maxInFlight;
}
