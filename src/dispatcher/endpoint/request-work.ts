import { attemptedLongAgo } from "../../domain/call.js";
import { FAILURES_TO_DOWN, inFlightLimit } from "../../domain/endpoint.js";
import { CALL_BYTES } from "../delivery-budget.js";
import { earlier } from "./calls-in-memory.js";
import {
  type EndpointRules,
  type EndpointState,
  expectAnything,
  hasOutageAt,
  isProbed,
  isReached,
  LOW_WATER,
  probeAt,
} from "./endpoint-state.js";
import type { FailedCalls, WorkRequest } from "./fetch-work.js";

/** An endpoint may read ahead this much at most. */
export interface ReadShare {
  readonly calls: number;
  readonly bytes: number;
}

/** This many calls are read even while the memory for prefetched calls is full. */
const MIN_BATCH = 2;

/** Whether its calls must be read now. */
export function needsWork(endpoint: EndpointState, now: number, rules: EndpointRules): boolean {
  const { hints, health, inFlight, queues } = endpoint;
  if (inFlight.endWaits(now)) expectAnything(hints);
  if (wantsPending(endpoint, now, rules) && queues.fresh.length < lowWater(endpoint)) return true;
  if (queues.backlog.length >= lowWater(endpoint)) return false;
  if (health.endpoint.state === "recovering") return hints.dueAt !== null || isDrained(endpoint, rules);
  return isReached(nextFetchAt(endpoint), now);
}

/** Returns when the endpoint's calls must be read again, or null if nothing will be due. */
export function nextWorkAt(endpoint: EndpointState): number | null {
  return earlier(nextFetchAt(endpoint), endpoint.inFlight.retryAt);
}

export function requestWork(
  endpoint: EndpointState,
  now: number,
  { calls, bytes }: ReadShare,
  rules: EndpointRules,
): WorkRequest {
  const { callback, fence, health, hints, inFlight, queues, generation, pendingFrom } = endpoint;
  const mayProbe = health.endpoint.state === "down" && isReached(nextProbeAt(endpoint), now);
  const wantsHeld = mayProbe && hints.mayHaveHeld;
  const failed = failedToRequest(endpoint, now);
  const expiresAt = failed?.kind === "backlog" ? (health.endpoint.recoveringSince ?? 0) : now;
  const batch = Math.min(calls, Math.max(MIN_BATCH, Math.floor(bytes / (2 * CALL_BYTES))));
  const request = {
    callbackId: callback.id,
    fence,
    generation,
    busy: inFlight.size + queues.probe.length,
    batch,
    // A stored byte may take two in memory; new and failed calls may share a batch.
    maxBytes: Math.floor(bytes / (2 * batch * (failed && hints.mayHavePending ? 2 : 1))),
    attemptedBefore: attemptedLongAgo(now, rules.policy, callback.repairedAt),
    expireBefore: failed || wantsHeld ? expiresAt - rules.policy.windowMs : null,
    wantsPending: wantsPending(endpoint, now, rules),
    pendingFrom,
    mayProbe,
    wantsHeld,
    failed,
  };
  endpoint.lastBatch = batch;
  if (request.wantsPending) hints.mayHavePending = false;
  return request;
}

/**
 * Whether new responses of an endpoint that is down wait for a probe. Without an open outage none is held, because only a failed
 * attempt opens one.
 */
export function awaitsProbe(endpoint: EndpointState, now: number, { policy }: EndpointRules): boolean {
  return endpoint.isProbing || isReached(probeAt(endpoint), now) || !hasOutageAt(endpoint, now, policy);
}

export function nextProbeAt(endpoint: EndpointState): number | null {
  const mayProbe = !endpoint.isProbing && endpoint.requestsInFlight < FAILURES_TO_DOWN;
  return mayProbe && endpoint.callback.retriesEnabled ? probeAt(endpoint) : null;
}

/** Returns how many calls of the round weren't sent because what was read was invalidated. */
export function unsentOfRound({ queues, roundLeft }: EndpointState): number {
  return queues.backlog.length === 0 ? roundLeft : 0;
}

/** Whether nothing that was read waits to be tried. At full pace new responses don't count. */
export function isDrained({ queues, health }: EndpointState, { maxInFlight }: EndpointRules): boolean {
  const { fresh, backlog } = queues;
  return backlog.length === 0 && (fresh.length === 0 || inFlightLimit(health.endpoint, maxInFlight) >= maxInFlight);
}

/** With fewer calls than this, more are read. */
function lowWater({ lastBatch }: EndpointState): number {
  return Math.min(LOW_WATER, Math.ceil(lastBatch / 2));
}

function nextFetchAt(endpoint: EndpointState): number | null {
  const { hints, health, queues } = endpoint;
  if (queues.backlog.length >= lowWater(endpoint)) return null;
  switch (health.endpoint.state) {
    case "up":
      return hints.dueAt;
    case "recovering":
      return null;
    case "down":
      return earlier(nextRoundAt(endpoint), hints.mayHaveHeld || hints.mayHavePending ? nextProbeAt(endpoint) : null);
  }
}

function nextRoundAt(endpoint: EndpointState): number | null {
  const { hints, health, queues, roundInFlight } = endpoint;
  if (hints.dueAt === null) return null;
  if (unsentOfRound(endpoint) > 0) return 0;
  return roundInFlight > 0 || queues.backlog.length > 0 ? null : health.endpoint.roundAt;
}

function wantsPending(endpoint: EndpointState, now: number, rules: EndpointRules): boolean {
  const { mayHavePending } = endpoint.hints;
  if (!mayHavePending || !isProbed(endpoint)) return mayHavePending;
  return !awaitsProbe(endpoint, now, rules) || isReached(nextProbeAt(endpoint), now);
}

function failedToRequest(endpoint: EndpointState, now: number): FailedCalls | null {
  const { hints, health } = endpoint;
  switch (health.endpoint.state) {
    case "up":
      return isReached(hints.dueAt, now) ? { kind: "due", at: now } : null;
    case "recovering":
      return { kind: "backlog", recovery: health.endpoint.recovery };
    case "down":
      return isReached(nextRoundAt(endpoint), now) ? { kind: "round" } : null;
  }
}
