/** Which calls an endpoint needs read, and what becomes of them once they are. Between the two, `fetchWork` reads the store. */
import { attemptedLongAgo, type Call, mayBeginAt } from "../../domain/call.js";
import { FAILURES_TO_DOWN, inFlightLimit } from "../../domain/endpoint.js";
import { latestScheduledRetry } from "../../domain/retry-policy.js";
import type { Random } from "../../platform/random.js";
import { CALL_BYTES } from "../delivery-budget.js";
import { earlier } from "./calls-in-memory.js";
import {
  changeHealth,
  type EndpointRules,
  type EndpointState,
  hasOutageAt,
  isProbed,
  isReached,
  LOW_WATER,
  probeAt,
  type QueueName,
} from "./endpoint-state.js";
import type { FailedCalls, WorkBatch, WorkRequest } from "./fetch-work.js";
import { healthAfterDrain, healthAfterHolding, healthAtRound } from "./health.js";

/** An endpoint may read ahead this much at most. */
export interface ReadShare {
  readonly calls: number;
  readonly bytes: number;
}

/** This many calls are read even while the memory for prefetched calls is full. */
const MIN_BATCH = 2;

/** Whether the endpoint's calls must be read now. */
export function needsRead(endpoint: EndpointState, now: number, rules: EndpointRules): boolean {
  const { hints, health, queues } = endpoint;
  if (wantsPending(endpoint, now, rules) && queues.fresh.length < lowWater(endpoint)) return true;
  if (queues.backlog.length >= lowWater(endpoint)) return false;
  if (health.endpoint.state === "recovering") return hints.dueAt !== null || isDrained(endpoint, rules);
  return isReached(readDueAt(endpoint), now);
}

/** Returns when the endpoint's calls must be read again, or null if nothing will be due. */
export function nextReadAt(endpoint: EndpointState): number | null {
  return earlier(readDueAt(endpoint), endpoint.inFlight.retryAt);
}

/** Begins a read. It withdraws the hint that the read answers; `acceptRead` gives it again if there is more. */
export function beginRead(endpoint: EndpointState, now: number, { calls, bytes }: ReadShare, rules: EndpointRules): WorkRequest {
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
function awaitsProbe(endpoint: EndpointState, now: number, { policy }: EndpointRules): boolean {
  return endpoint.isProbing || isReached(probeAt(endpoint), now) || !hasOutageAt(endpoint, now, policy);
}

function nextProbeAt(endpoint: EndpointState): number | null {
  const mayProbe = !endpoint.isProbing && endpoint.requestsInFlight < FAILURES_TO_DOWN;
  return mayProbe && endpoint.callback.retriesEnabled ? probeAt(endpoint) : null;
}

/** Returns how many calls of the round weren't sent because what was read was invalidated. */
function unsentOfRound({ queues, roundLeft }: EndpointState): number {
  return queues.backlog.length === 0 ? roundLeft : 0;
}

/** Whether nothing that was read waits to be tried. At full pace new responses don't count. */
function isDrained({ queues, health }: EndpointState, { maxInFlight }: EndpointRules): boolean {
  const { fresh, backlog } = queues;
  return backlog.length === 0 && (fresh.length === 0 || inFlightLimit(health.endpoint, maxInFlight) >= maxInFlight);
}

/** With fewer calls than this, more are read. */
function lowWater({ lastBatch }: EndpointState): number {
  return Math.min(LOW_WATER, Math.ceil(lastBatch / 2));
}

function readDueAt(endpoint: EndpointState): number | null {
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

export interface AcceptedAt extends EndpointRules {
  readonly now: number;
  readonly monotonicMs: number;
  readonly random: Random;
}

/**
 * Takes over the calls that were read for an endpoint, unless settings, calls or state changed meanwhile. Returns those that are to
 * be held.
 */
export function acceptRead(endpoint: EndpointState, batch: WorkBatch, at: AcceptedAt): readonly Call[] {
  if (batch.request.generation !== endpoint.generation) return [];
  if (batch.hasMorePending) endpoint.hints.mayHavePending = true;
  endpoint.pendingFrom = batch.pending[0]?.seq ?? endpoint.pendingFrom;
  let held: readonly Call[] = [];
  if (isProbed(endpoint)) held = probeAndHold(endpoint, batch, at);
  else if (batch.request.wantsPending) fillQueue(endpoint, "fresh", withoutBusy(endpoint, batch.pending), at);
  const { failed } = batch.request;
  if (failed?.kind === "round") acceptRound(endpoint, batch, at);
  else if (failed) acceptFailed(endpoint, batch, failed, at);
  return held;
}

/**
 * While the endpoint is down, with retries on, the oldest response without an attempt goes as a probe if one may go; new ones wait
 * for its outcome. They are held only if the last probe failed and the next may not go yet. Without an open outage, the failure of
 * a held one would open none, so a new one goes first.
 */
function probeAndHold(endpoint: EndpointState, { request, held, pending }: WorkBatch, at: AcceptedAt): readonly Call[] {
  const { hints, inFlight, generation } = endpoint;
  const { now } = at;
  const waiting = withoutBusy(endpoint, pending);
  if (request.mayProbe && isReached(nextProbeAt(endpoint), now)) {
    const [free] = held ? withoutBusy(endpoint, [held]) : [];
    if (request.wantsHeld) hints.mayHaveHeld = free !== undefined;
    const [first] = waiting;
    const isHeldOlder =
      free !== undefined && (first === undefined || (hasOutageAt(endpoint, now, at.policy) && free.seq < first.seq));
    const probe = isHeldOlder ? free : waiting.shift();
    if (probe) {
      endpoint.isProbing = true;
      fillQueue(endpoint, "probe", [probe], at);
    }
  }
  if (awaitsProbe(endpoint, now, at)) {
    hints.mayHavePending ||= waiting.length > 0;
    return [];
  }
  for (const { seq } of waiting) {
    inFlight.add(seq, { dueAt: now, generation });
    endpoint.health = healthAfterHolding(endpoint.health);
  }
  return waiting;
}

function acceptRound(endpoint: EndpointState, batch: WorkBatch, at: AcceptedAt): void {
  const { health, hints, queues, requestsInFlight } = endpoint;
  const calls = withoutBusy(endpoint, batch.failed);
  const room = Math.max(0, inFlightLimit(health.endpoint, at.maxInFlight) - requestsInFlight - queues.probe.length);
  const hasMore = batch.hasMoreFailed || batch.hasMoreUpcoming || withoutBusy(endpoint, batch.upcoming).length > 0;
  hints.dueAt = hasMore ? 0 : null;
  let next = calls.slice(0, room);
  const unsent = unsentOfRound(endpoint);
  if (unsent > 0) {
    const began = health.endpoint.roundBeganAt ?? 0;
    const untried = calls.filter(({ sentAt }) => sentAt === null || sentAt < began);
    next = untried.slice(0, Math.min(unsent, room));
  } else endpoint.health = healthAtRound(health, at.now, at.policy, at.random.fraction());
  endpoint.roundLeft = next.length;
  fillQueue(endpoint, "backlog", next, at);
}

function acceptFailed(endpoint: EndpointState, batch: WorkBatch, failed: FailedCalls, at: AcceptedAt): void {
  const { hints } = endpoint;
  const { now, policy } = at;
  fillQueue(endpoint, "backlog", withoutBusy(endpoint, batch.failed), at);
  const upcoming = withoutBusy(endpoint, batch.upcoming);
  const isSomeLeft = batch.hasMoreFailed || (batch.hasMoreUpcoming && upcoming.length === 0);
  if (failed.kind === "due") {
    hints.dueAt = isSomeLeft ? now : null;
    for (const call of isSomeLeft ? [] : upcoming) {
      const mayGoAt = Math.max(call.due?.at ?? 0, mayBeginAt(call, policy, endpoint.callback.repairedAt));
      if (mayGoAt > now) hints.dueAt = earlier(hints.dueAt, Math.min(mayGoAt, latestScheduledRetry(now, policy)));
    }
    return;
  }
  hints.dueAt = batch.hasMoreFailed ? 0 : null;
  if (batch.hasMoreFailed || !isDrained(endpoint, at)) return;
  changeHealth(endpoint, healthAfterDrain(endpoint.health, now, policy));
  // Scheduled retries didn't count during the drain, so they are read once.
  hints.dueAt = upcoming.length > 0 || isSomeLeft ? 0 : null;
}

function withoutBusy({ inFlight, queues }: EndpointState, calls: readonly Call[]): Call[] {
  return calls.filter(({ seq }) => !inFlight.has(seq) && !queues.probe.has(seq));
}

function fillQueue({ queues }: EndpointState, queue: QueueName, calls: readonly Call[], { monotonicMs }: AcceptedAt): void {
  queues[queue].fill(calls, monotonicMs);
}
