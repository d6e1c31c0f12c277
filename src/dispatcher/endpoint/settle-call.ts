import { type Attempt, isAccepted } from "../../domain/attempt.js";
import type { Call } from "../../domain/call.js";
import type { OpenOutage, OutageProgress } from "../../domain/outage.js";
import { nextDueAt } from "../../domain/retry-policy.js";
import { type Random, timeOrderedId } from "../../platform/random.js";
import { changeHealth, type EndpointRules, type EndpointState, expectAnything, expectDue, invalidate } from "./endpoint-state.js";
import { healthAfterCheck, healthAfterFailure, healthAfterSuccess, healthWithoutHoldings } from "./health.js";

export interface SettledWith extends EndpointRules {
  /** The jitter of the call's next retry is a fraction in [0,1). */
  readonly jitter: number;
  readonly random: Random;
}

/** Applies an attempt; `call` is as it was before. Returns the outage that opened, for which an e-mail is owed, or null. */
export function settleCall(endpoint: EndpointState, call: Call, attempt: Attempt, settled: SettledWith): OpenOutage | null {
  const before = endpoint.health;
  const isDelivered = isAccepted(attempt.result);
  const isNew = isDelivered ? applySuccess(endpoint, call, attempt, settled) : applyFailure(endpoint, call, attempt, settled);
  const { health, callback, inFlight } = endpoint;
  const mayRetry = !isDelivered && callback.retriesEnabled;
  const firstFailedAt = call.firstFailedAt ?? attempt.startedAt;
  inFlight.noteAttempt(call.seq, mayRetry ? nextDueAt(firstFailedAt, attempt.startedAt, settled.policy, settled.jitter) : null);
  if (health.endpoint.state !== before.endpoint.state) {
    endpoint.roundLeft = 0;
    invalidate(endpoint);
  }
  return isNew ? health.outage : null;
}

function applySuccess(endpoint: EndpointState, call: Call, attempt: Attempt, { policy, maxInFlight }: EndpointRules): false {
  const endedAt = attempt.startedAt + attempt.durationMs;
  const change = healthAfterSuccess(endpoint.health, endedAt, policy, maxInFlight);
  endpoint.mayBeOver ||= call.firstFailedAt !== null && change.health.outage !== null;
  changeHealth(endpoint, change);
  return false;
}

function applyFailure(endpoint: EndpointState, call: Call, attempt: Attempt, { policy, random }: SettledWith): boolean {
  const { startedAt: beganAt, durationMs, cause } = attempt;
  // A held call may be PENDING again, because retries were switched off while it was in flight.
  const isFirst = call.firstFailedAt === null || (call.sentAt === null && !endpoint.callback.retriesEnabled);
  const failure = { callSeq: call.seq, cause, beganAt, at: beganAt + durationMs, isFirst };
  const newId = () => timeOrderedId(beganAt, random);
  const { isNew, ...change } = healthAfterFailure(endpoint.health, failure, policy, random.fraction(), newId);
  changeHealth(endpoint, change);
  return isNew;
}

/**
 * Is called once the outcome of a call is stored. If others changed the call or settings meanwhile, it may be due for a replay, or
 * PENDING again.
 */
export function commitCall(endpoint: EndpointState, callSeq: number): void {
  const call = endpoint.inFlight.remove(callSeq);
  if (!call) return;
  if (call.generation !== endpoint.generation) expectAnything(endpoint.hints);
  else if (call.dueAt !== null) expectDue(endpoint.hints, call.dueAt);
}

export function skipHoldings(endpoint: EndpointState, skipped: number): void {
  endpoint.health = healthWithoutHoldings(endpoint.health, skipped);
}

/** Applies what became of the calls of the open outage. */
export function finishOutageCheck(endpoint: EndpointState, progress: OutageProgress, at: number): void {
  endpoint.mayBeOver = false;
  changeHealth(endpoint, healthAfterCheck(endpoint.health, progress, at));
}
