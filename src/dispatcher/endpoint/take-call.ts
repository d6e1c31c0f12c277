/** A call begins: it is taken from its queue, and its request is built. settle-call.ts says how it ends. */
import type { AttemptCause } from "../../domain/attempt.js";
import { type Call, isInWindow } from "../../domain/call.js";
import type { Callback } from "../../domain/callback.js";
import { inFlightLimit } from "../../domain/endpoint.js";
import type { DeliveryBudget } from "../delivery-budget.js";
import { CALL_BYTES, type CallQueue, type QueuedCall } from "./calls-in-memory.js";
import {
  awaitsTrial,
  type EndpointRules,
  type EndpointState,
  expectDue,
  invalidate,
  isProbed,
  type QueueName,
  type Shortage,
} from "./endpoint-state.js";

export interface TakenCall {
  readonly call: Call;
  readonly cause: AttemptCause;
  /** The recovery in which it was taken, or 0. */
  readonly recovery: number;
  readonly isOfRound: boolean;
  /** Whether it was tried while the endpoint's calls lacked something. */
  readonly isTrial: boolean;
  /** The memory that is counted until the request ends; it is an estimate until the request is built. */
  bodyBytes: number;
  /** The endpoint's generation when it was taken. */
  readonly generation: number;
  /** The callback as it was when the request was built. */
  sentTo: Callback;
}

/** Calls that were read longer ago are read again, as a mark may have come. */
export const STALE_AFTER_MS = 1_000;
/** With a backlog, one call in this many is a new response. */
const FRESH_EVERY = 4;

export interface TakenAt extends EndpointRules {
  readonly now: number;
  readonly monotonicMs: number;
}

/**
 * Takes the next call if fewer than `share` are in flight; it is "limited" if only the share is in the way. If it is "stale",
 * everything must be read again. Without room for the body, the endpoint waits in the budget.
 */
export function takeCall(
  endpoint: EndpointState,
  share: number,
  budget: DeliveryBudget<EndpointState>,
  at: TakenAt,
): TakenCall | "stale" | "limited" | "nothing" {
  const { health, queues, requestsInFlight, hints } = endpoint;
  const limit = inFlightLimit(health.endpoint, at.maxInFlight);
  if (awaitsTrial(endpoint, at.now)) {
    budget.stopWaiting(endpoint);
    return "nothing";
  }
  if (requestsInFlight >= Math.min(limit, share)) {
    budget.stopWaiting(endpoint);
    return requestsInFlight < limit ? "limited" : "nothing";
  }
  const staleBefore = at.monotonicMs - STALE_AFTER_MS;
  const { probe, fresh, backlog } = queues;
  if (probe.isOlderThan(staleBefore) || fresh.isOlderThan(staleBefore) || backlog.isOlderThan(staleBefore)) {
    invalidate(endpoint);
    return "stale";
  }
  const from = nextQueue(endpoint, at);
  const next = from && queues[from].head;
  if (from === undefined || next === undefined) {
    // During a re-read the endpoint keeps its place.
    if (!hints.mayHavePending || isProbed(endpoint)) budget.stopWaiting(endpoint);
    return "nothing";
  }
  const bodyBytes = expectedBytes(endpoint, next);
  const isWhole = next.call.leftOutBytes === undefined;
  if (!budget.tryHold(endpoint, bodyBytes, isWhole ? next.bytes : 0)) return "nothing";
  queues[from].dropHead();
  const taken = beginCall(endpoint, next.call, from, bodyBytes);
  if (endpoint.shortage !== null) beginTrial(endpoint, endpoint.shortage, at.now);
  return taken;
}

/** The others wait for its outcome, or for the next trial. */
function beginTrial(endpoint: EndpointState, { waitMs }: Shortage, now: number): void {
  endpoint.shortage = { retryAt: now + waitMs, waitMs };
  invalidate(endpoint);
}

function nextQueue(endpoint: EndpointState, at: TakenAt): QueueName | undefined {
  const { probe, fresh, backlog } = endpoint.queues;
  if (hasCallDue(endpoint, probe, at)) return "probe";
  const isFreshNext = fresh.length > 0 && endpoint.callsTaken % FRESH_EVERY === FRESH_EVERY - 1;
  if (!isFreshNext && hasCallDue(endpoint, backlog, at)) return "backlog";
  return fresh.length > 0 ? "fresh" : undefined;
}

/** Drops the calls whose windows have ended since they were read. */
function hasCallDue(endpoint: EndpointState, queue: CallQueue, at: TakenAt): boolean {
  for (let next = queue.head; next; next = queue.head) {
    if (isStillDue(endpoint, next.call, at)) return true;
    queue.dropHead();
    if (queue === endpoint.queues.probe) endpoint.isProbing = false;
  }
  return false;
}

export function isStillDue(
  { health, hints }: EndpointState,
  call: Call,
  { now, policy }: Pick<TakenAt, "now" | "policy">,
): boolean {
  if (isInWindow(call, health.endpoint.recoveringSince ?? now, policy)) return true;
  // The call's window has ended, so the next read cancels its retry.
  expectDue(hints, call.due?.at ?? 0);
  return false;
}

/** A prefetched call's request takes about as much memory as the call. */
function expectedBytes({ bodyGrowth }: EndpointState, { call: { leftOutBytes }, bytes }: QueuedCall): number {
  return leftOutBytes === undefined ? 2 * bytes : Math.ceil(leftOutBytes * bodyGrowth) + 2 * CALL_BYTES;
}

function beginCall(endpoint: EndpointState, call: Call, from: QueueName, bodyBytes: number): TakenCall {
  const { inFlight, generation } = endpoint;
  const { state, recovery } = endpoint.health.endpoint;
  const isOfRound = from === "backlog" && state === "down";
  if (isOfRound) {
    endpoint.roundInFlight += 1;
    endpoint.roundLeft = Math.max(0, endpoint.roundLeft - 1);
  }
  endpoint.requestsInFlight += 1;
  endpoint.callsTaken += 1;
  inFlight.add(call.seq, { dueAt: null, generation });
  const cause = from === "probe" ? "probe" : causeOf(call);
  return {
    call,
    cause,
    recovery: state === "recovering" ? recovery : 0,
    isOfRound,
    isTrial: endpoint.shortage !== null,
    bodyBytes,
    generation,
    sentTo: endpoint.callback,
  };
}

function causeOf({ due, sentAt }: Call): AttemptCause {
  if (due?.cause === "replay") return "replay";
  return sentAt === null ? "first" : "retry";
}

/** Counts the request once it is built. Returns false if there is no room for it. */
export function fitRequest(
  endpoint: EndpointState,
  taken: TakenCall,
  requestBytes: number,
  budget: DeliveryBudget<EndpointState>,
): boolean {
  const { call, bodyBytes } = taken;
  const isWhole = call.leftOutBytes === undefined;
  // Half of what was expected is the call itself, half its request.
  if (isWhole && requestBytes <= bodyBytes / 2) return true;
  const total = requestBytes + (isWhole ? bodyBytes / 2 : CALL_BYTES);
  if (call.leftOutBytes) endpoint.bodyGrowth = Math.max(1, requestBytes / call.leftOutBytes);
  if (isWhole) budget.resize(endpoint, bodyBytes, total);
  else if (!budget.tryResize(endpoint, bodyBytes, total)) return false;
  taken.bodyBytes = total;
  return true;
}
