/** A call ends: its attempt is settled and logged, or it is withdrawn; once the log is committed, it may be read again. */
import { OwnShortage } from "../../delivery/delivery-failure.js";
import { type Attempt, isAccepted } from "../../domain/attempt.js";
import type { Call } from "../../domain/call.js";
import type { NewMail, OpenOutage, OutageUrl } from "../../domain/outage.js";
import { nextDueAt, type RetryPolicy } from "../../domain/retry-policy.js";
import { composeOutageMail } from "../../notifier/outage-mail.js";
import { type Random, timeOrderedId } from "../../platform/random.js";
import type { DeliveryBudget } from "../delivery-budget.js";
import type { DispatcherDeps } from "../dispatcher-deps.js";
import type { OutcomeLog } from "../outcomes/outcome-log.js";
import { changeHealth, type EndpointRules, type EndpointState, expectAnything, expectDue, invalidate } from "./endpoint-state.js";
import { healthAfterFailure, healthAfterSuccess, healthWithoutHoldings } from "./health.js";
import type { TakenCall } from "./take-call.js";

/** A call couldn't be sent through our own fault. */
export interface OwnFault {
  readonly fault: unknown;
}

export interface SettleDeps {
  readonly deps: Pick<DispatcherDeps, "clock" | "logger" | "random" | "onAttempt" | "outageUrl">;
  readonly rules: EndpointRules;
  readonly log: OutcomeLog;
}

/** Is called when the request of a call has ended, or isn't sent. */
export function endCall(endpoint: EndpointState, taken: TakenCall, budget: DeliveryBudget<EndpointState>): void {
  budget.release(endpoint, taken.bodyBytes);
  endpoint.requestsInFlight -= 1;
  if (taken.isOfRound) endpoint.roundInFlight -= 1;
  if (taken.cause === "probe") endpoint.isProbing = false;
}

/**
 * Applies what became of a call to its endpoint, and logs it to be committed. The outcome is null if nothing was sent. Returns whether
 * it was.
 */
export function settleTaken(
  endpoint: EndpointState,
  taken: TakenCall,
  outcome: Attempt | OwnFault | null,
  settle: SettleDeps,
): boolean {
  if (outcome === null) withdrawCall(endpoint, taken);
  else if ("fault" in outcome && outcome.fault instanceof OwnShortage) waitForTrial(endpoint, taken, outcome.fault, settle);
  else if ("fault" in outcome) waitAfterFault(endpoint, taken.call, outcome.fault, settle.deps);
  else {
    logAttempt(endpoint, taken, outcome, settle);
    return true;
  }
  return false;
}

/** Takes back a call that wasn't sent. Its round goes on with the next call. */
export function withdrawCall(endpoint: EndpointState, { call, isOfRound }: TakenCall): void {
  endpoint.inFlight.remove(call.seq);
  if (isOfRound && endpoint.health.endpoint.state === "down") endpoint.roundLeft += 1;
  expectAnything(endpoint.hints);
}

const FIRST_TRIAL_MS = 1_000;
const LONGEST_TRIAL_MS = 30_000;

/** What is lacking concerns all calls of the endpoint: one of them is tried after 1 s, 2 s, 4 s … */
function waitForTrial(endpoint: EndpointState, taken: TakenCall, fault: OwnShortage, { deps, rules }: SettleDeps): void {
  const { shortage, callback } = endpoint;
  withdrawCall(endpoint, taken);
  invalidate(endpoint);
  if (shortage !== null && !taken.isTrial) return;
  const waitMs = shortage ? Math.min(2 * shortage.waitMs, LONGEST_TRIAL_MS, rules.policy.intervalMs) : FIRST_TRIAL_MS;
  endpoint.shortage = { retryAt: deps.clock.now() + waitMs, waitMs };
  const fields = { err: fault, callbackId: callback.id };
  if (shortage === null)
    deps.logger.error(fields, "The calls of a callback can't be sent; they wait, and one is tried again soon");
}

/** Our own fault is no attempt (docs/dispatcher.md, A call, Rule 3). */
function waitAfterFault({ inFlight }: EndpointState, call: Call, error: unknown, { clock, logger }: SettleDeps["deps"]): void {
  const { id: callId, seq, callbackId } = call;
  const waitMs = inFlight.waitAfterFault(seq, clock.now());
  logger.error({ err: error, callbackId, callId, waitMs }, "A call could not be sent; it will be tried again");
}

function logAttempt(endpoint: EndpointState, taken: TakenCall, attempt: Attempt, { deps, rules, log }: SettleDeps): void {
  const { call, recovery } = taken;
  const { callbackId, id: callId, seq: callSeq } = call;
  const { random, onAttempt, outageUrl = () => null } = deps;
  endpoint.shortage = null;
  const jitter = random.fraction();
  const { policy, maxInFlight } = rules;
  const { countedIn, isNew } = settleCall(endpoint, call, attempt, { policy, maxInFlight, random, jitter });
  const outageId = countedIn?.id ?? null;
  log.addAttempt({ callbackId, callId, callSeq, attempt, random: jitter, recovery, outageId }, endpoint.fence);
  if (countedIn !== null && isNew)
    log.queueMail(outageMail(endpoint, countedIn, taken, attempt, { policy, outageUrl }), endpoint.fence);
  onAttempt(callbackId, attempt);
}

function outageMail(
  { callback }: EndpointState,
  { id: outageId, startedAt }: OpenOutage,
  { call, sentTo }: TakenCall,
  { result }: Attempt,
  { policy, outageUrl }: { readonly policy: RetryPolicy; readonly outageUrl: OutageUrl },
): NewMail {
  const failed = { ...callback, url: sentTo.url, auth: sentTo.auth };
  const mail = composeOutageMail({
    callback: failed,
    startedAt,
    result,
    call,
    policy,
    pageUrl: outageUrl(callback.id, outageId),
  });
  return { outageId, callbackId: callback.id, to: callback.email, ...mail, createdAt: startedAt };
}

export interface SettledWith extends EndpointRules {
  /** The jitter of the call's next retry is a fraction in [0,1). */
  readonly jitter: number;
  readonly random: Random;
}

export interface SettledCall {
  /** The outage, as it is now, counts the call by this attempt. */
  readonly countedIn: OpenOutage | null;
  /** It opened, so an e-mail is owed. */
  readonly isNew: boolean;
}

const NOT_COUNTED: SettledCall = { countedIn: null, isNew: false };

/** Applies an attempt; `call` is as it was before. */
export function settleCall(endpoint: EndpointState, call: Call, attempt: Attempt, settled: SettledWith): SettledCall {
  const before = endpoint.health;
  const isDelivered = isAccepted(attempt.result);
  let counted = NOT_COUNTED;
  if (isDelivered) applySuccess(endpoint, call, attempt, settled);
  else counted = applyFailure(endpoint, call, attempt, settled);
  const { health, callback, inFlight } = endpoint;
  const mayRetry = !isDelivered && callback.retriesEnabled;
  const firstFailedAt = call.firstFailedAt ?? attempt.startedAt;
  inFlight.noteAttempt(call.seq, mayRetry ? nextDueAt(firstFailedAt, attempt.startedAt, settled.policy, settled.jitter) : null);
  if (health.endpoint.state !== before.endpoint.state) {
    endpoint.roundLeft = 0;
    invalidate(endpoint);
  }
  return counted;
}

function applySuccess(endpoint: EndpointState, call: Call, attempt: Attempt, { policy, maxInFlight }: EndpointRules): void {
  const endedAt = attempt.startedAt + attempt.durationMs;
  const change = healthAfterSuccess(endpoint.health, endedAt, policy, maxInFlight);
  endpoint.mayBeOver ||= call.firstFailedAt !== null && change.health.outage !== null;
  changeHealth(endpoint, change);
}

function applyFailure(endpoint: EndpointState, call: Call, attempt: Attempt, settled: SettledWith): SettledCall {
  const { policy, random } = settled;
  const { startedAt: beganAt, durationMs, cause } = attempt;
  // A held call may be PENDING again, because retries were switched off while it was in flight.
  const isFirst = call.firstFailedAt === null || (call.sentAt === null && !endpoint.callback.retriesEnabled);
  const failure = { callSeq: call.seq, cause, beganAt, at: beganAt + durationMs, isFirst };
  const newId = () => timeOrderedId(beganAt, random);
  const { isNew, ...change } = healthAfterFailure(endpoint.health, failure, policy, random.fraction(), newId);
  changeHealth(endpoint, change);
  return isFirst ? { countedIn: change.health.outage, isNew } : NOT_COUNTED;
}

/** Is called once the outcome is stored. A call that others changed meanwhile may be due for a replay, or PENDING again. */
export function commitCall(endpoint: EndpointState, callSeq: number): void {
  const call = endpoint.inFlight.remove(callSeq);
  if (!call) return;
  if (call.generation !== endpoint.generation) expectAnything(endpoint.hints);
  else if (call.dueAt !== null) expectDue(endpoint.hints, call.dueAt);
}

export function skipHoldings(endpoint: EndpointState, skipped: number): void {
  endpoint.health = healthWithoutHoldings(endpoint.health, skipped);
}
