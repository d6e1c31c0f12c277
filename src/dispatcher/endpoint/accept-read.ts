/** What becomes of an endpoint's calls once they were read: they are queued to be sent, or held. */
import { type Call, mayBeginAt } from "../../domain/call.js";
import { inFlightLimit } from "../../domain/endpoint.js";
import { latestScheduledRetry } from "../../domain/retry-policy.js";
import type { Random } from "../../platform/random.js";
import type { OutcomeLog } from "../outcomes/outcome-log.js";
import {
  changeHealth,
  type EndpointRules,
  type EndpointState,
  earlier,
  hasOutageAt,
  isProbed,
  isReached,
  type QueueName,
} from "./endpoint-state.js";
import type { FailedCalls, WorkBatch } from "./fetch-work.js";
import { healthAfterDrain, healthAfterHolding, healthAtRound } from "./health.js";
import { awaitsProbe, isDrained, probeDueAt, unsentOfRound } from "./read-calls.js";

export interface AcceptedAt extends EndpointRules {
  readonly now: number;
  readonly monotonicMs: number;
  readonly random: Random;
}

/** Takes over what was read for an endpoint, and logs the calls that are held, to be committed. */
export function acceptAndLog(endpoint: EndpointState, batch: WorkBatch, at: AcceptedAt, log: OutcomeLog): void {
  const { now } = at;
  const outageId = endpoint.health.outage?.id ?? null;
  const held = acceptRead(endpoint, batch, at);
  for (const { callbackId, id: callId, seq: callSeq } of held) {
    log.addHolding({ callbackId, callId, callSeq, at: now, outageId }, endpoint.fence);
  }
}

/** Returns the calls that are to be held. Takes over nothing if settings, calls or state changed since the read began. */
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
  if (request.mayProbe && isReached(probeDueAt(endpoint), now)) {
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
