/** Which calls an endpoint needs read. `fetchWork` reads them from the store, and `acceptRead` takes them over. */
import { attemptedLongAgo } from "../../domain/call.js";
import { FAILURES_TO_DOWN, inFlightLimit, nextProbeAt } from "../../domain/endpoint.js";
import { CALL_BYTES, type CallQueue } from "./calls-in-memory.js";
import {
  awaitsTrial,
  type EndpointRules,
  type EndpointState,
  earlier,
  hasOutageAt,
  isProbed,
  isReached,
} from "./endpoint-state.js";
import type { FailedCalls, WorkRequest } from "./fetch-work.js";

/** An endpoint may read ahead this much at most. */
export interface ReadShare {
  readonly calls: number;
  readonly bytes: number;
}

/** This many calls are read even while the memory for prefetched calls is full. */
const MIN_BATCH = 2;
const LOW_WATER = 64;

export function needsRead(endpoint: EndpointState, now: number, rules: EndpointRules): boolean {
  const { hints, health, queues, isPaused } = endpoint;
  if (isPaused) return isReached(expiryDueAt(endpoint), now);
  if (awaitsTrial(endpoint, now)) return false;
  if (wantsPending(endpoint, now, rules) && isLow(queues.fresh, endpoint)) return true;
  if (!isLow(queues.backlog, endpoint)) return false;
  if (health.endpoint.state === "recovering") return hints.dueAt !== null || isDrained(endpoint, rules);
  return isReached(readDueAt(endpoint), now);
}

/** Returns when the endpoint's calls must be read again, or null if nothing will be due. */
export function nextReadAt(endpoint: EndpointState, now: number): number | null {
  const { hints, inFlight, shortage, isPaused, callback } = endpoint;
  if (isPaused) return earlier(callback.pause?.until ?? null, expiryDueAt(endpoint));
  const at = earlier(readDueAt(endpoint), inFlight.retryAt);
  const hasWork = at !== null || hints.mayHavePending;
  return shortage !== null && hasWork && awaitsTrial(endpoint, now) ? shortage.retryAt : at;
}

/** Nobody else ends the retries of a paused callback whose windows are over. */
function expiryDueAt({ callback, expiryAt }: EndpointState): number | null {
  return callback.retriesEnabled ? expiryAt : null;
}

/**
 * Begins a read, which in a pause only ends retries. It withdraws the hint that the read answers; `acceptRead` gives it again if there
 * is more.
 */
export function beginRead(endpoint: EndpointState, now: number, { calls, bytes }: ReadShare, rules: EndpointRules): WorkRequest {
  const { callback, fence, health, hints, inFlight, queues, generation, pendingFrom, isPaused } = endpoint;
  const mayProbe = isReached(probeDueAt(endpoint), now);
  const wantsHeld = mayProbe && hints.mayHaveHeld;
  const failed = failedToRequest(endpoint, now);
  const expiresAt = failed?.kind === "backlog" ? (health.endpoint.recoveringSince ?? 0) : now;
  const batch = Math.min(endpoint.shortage === null ? calls : 1, Math.max(MIN_BATCH, Math.floor(bytes / (2 * CALL_BYTES))));
  const request = {
    callbackId: callback.id,
    fence,
    generation,
    busy: inFlight.size + queues.probe.length,
    batch,
    // A stored byte may take two in memory; new and failed calls may share a batch.
    maxBytes: Math.floor(bytes / (2 * batch * (failed && hints.mayHavePending ? 2 : 1))),
    attemptedBefore: attemptedLongAgo(now, rules.policy, callback.repairedAt),
    expireBefore: failed || wantsHeld || isPaused ? expiresAt - rules.policy.windowMs : null,
    wantsPending: wantsPending(endpoint, now, rules),
    pendingFrom,
    mayProbe,
    wantsHeld,
    failed,
  };
  endpoint.expiryAt = now + rules.policy.intervalMs;
  endpoint.lastBatch = batch;
  if (request.wantsPending) hints.mayHavePending = false;
  return request;
}

/** Whether there are so few calls that more are read. */
function isLow(queue: CallQueue, { lastBatch }: EndpointState): boolean {
  return queue.length < Math.min(LOW_WATER, Math.ceil(lastBatch / 2));
}

/** The instant is null while nothing will be due, and in a recovery, which reads its backlog until it is drained. */
function readDueAt(endpoint: EndpointState): number | null {
  const { hints, queues } = endpoint;
  if (!isLow(queues.backlog, endpoint)) return null;
  return earlier(failedDueAt(endpoint), hints.mayHaveHeld || hints.mayHavePending ? probeDueAt(endpoint) : null);
}

/** Failed calls are due by their own times while the endpoint is up, and with the next round while it is down. */
function failedDueAt(endpoint: EndpointState): number | null {
  const { hints, health, queues, roundInFlight } = endpoint;
  const { state, roundAt } = health.endpoint;
  if (state === "recovering" || hints.dueAt === null) return null;
  if (state === "up") return hints.dueAt;
  if (unsentOfRound(endpoint) > 0) return 0;
  return roundInFlight > 0 || queues.backlog.length > 0 ? null : roundAt;
}

function failedToRequest(endpoint: EndpointState, now: number): FailedCalls | null {
  if (endpoint.isPaused) return null;
  const { state, recovery } = endpoint.health.endpoint;
  if (state === "recovering") return { kind: "backlog", recovery };
  if (!isReached(failedDueAt(endpoint), now)) return null;
  return state === "up" ? { kind: "due", at: now } : { kind: "round" };
}

/** New responses of an endpoint that is down are read to be held, or one of them to be the probe. */
function wantsPending(endpoint: EndpointState, now: number, rules: EndpointRules): boolean {
  const mayHavePending = endpoint.hints.mayHavePending && !endpoint.isPaused;
  if (!mayHavePending || !isProbed(endpoint)) return mayHavePending;
  return !awaitsProbe(endpoint, now, rules) || isReached(probeDueAt(endpoint), now);
}

/** Whether new responses of an endpoint that is down wait for a probe. Without an open outage none is held: a failed attempt opens one. */
export function awaitsProbe(endpoint: EndpointState, now: number, { policy }: EndpointRules): boolean {
  return endpoint.isProbing || isReached(scheduledProbeAt(endpoint), now) || !hasOutageAt(endpoint, now, policy);
}

/** Returns when a probe may be taken, or null if another one, or too many requests, are in flight. */
export function probeDueAt(endpoint: EndpointState): number | null {
  const mayProbe = !endpoint.isPaused && !endpoint.isProbing && endpoint.requestsInFlight < FAILURES_TO_DOWN;
  return mayProbe && endpoint.callback.retriesEnabled ? scheduledProbeAt(endpoint) : null;
}

function scheduledProbeAt({ health, callback }: EndpointState): number | null {
  return nextProbeAt(health.endpoint, callback.replayProbeAt);
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
