import { type Callback, runningPause } from "../../domain/callback.js";
import { endpointTakenOver } from "../../domain/endpoint.js";
import type { OutageProgress } from "../../domain/outage.js";
import type { RetryPolicy } from "../../domain/retry-policy.js";
import type { EndpointRecord } from "../../store/outcomes/endpoints.js";
import { CallQueue, InFlightCalls } from "./calls-in-memory.js";
import {
  closesAt,
  type EndedOutage,
  type Health,
  type HealthChange,
  healthAfterChanges,
  healthAfterCheck,
  healthAfterPause,
  healthAtPause,
  healthByClock,
} from "./health.js";

export interface EndpointRules {
  readonly policy: RetryPolicy;
  readonly maxInFlight: number;
}

/**
 * What a dispatcher knows of one endpoint. Only the functions of this folder change it: those below, those that read its calls
 * (read-calls.ts, accept-read.ts), and the steps of a call (take-call.ts, settle-call.ts). Nothing in them waits.
 */
export interface EndpointState {
  callback: Callback;
  /** `fence` grows whenever a dispatcher takes the callback, and is 0 on SQLite. */
  readonly fence: number;
  health: Health;
  /** While it is true, no calls are read and nothing begins (docs/dispatcher.md, A pause). */
  isPaused: boolean;
  /** While it is paused, retries whose window is over are ended from this instant on. */
  expiryAt: number;
  /** Calls in flight may be of a replay that was cancelled meanwhile. One of them that isn't sent is withdrawn. */
  hasCancelledReplay: boolean;
  /** Whether all calls of its outage may be settled. */
  mayBeOver: boolean;
  /** The `health` that the pool logged last. */
  loggedHealth: Health;
  /** The pool takes these as it logs them. */
  closedOutages: EndedOutage[];

  /** Calls that were read and may be sent. `backlog` holds failed ones that are due, or in a round or drain. */
  readonly queues: Readonly<Record<QueueName, CallQueue>>;
  /** The store is out of date about these calls. */
  readonly inFlight: InFlightCalls;
  readonly hints: StoreHints;
  /** `generation` grows when what was read, or is being read, is outdated. */
  generation: number;
  /**
   * No call before this seq is PENDING: new ones get larger seqs, under the lock of their callback, and only switching retries off releases
   * held ones.
   */
  pendingFrom: number;
  /** The last read took this many calls at most; Infinity before the first. */
  lastBatch: number;

  requestsInFlight: number;
  callsTaken: number;
  /** `isProbing` is true from when a probe is read until its request ends. */
  isProbing: boolean;
  /** The requests of retry rounds that are in flight. */
  roundInFlight: number;
  /** The calls of the round that are still to be taken. */
  roundLeft: number;
  /** All of its calls lack something here, such as the egress proxy; it is null if the last one that was tried didn't. */
  shortage: Shortage | null;
  /** The built size of the last body that was read for its request, by its stored size. Escaping may multiply it. */
  bodyGrowth: number;
}

/** One call is tried at `retryAt`, and another one each time that `waitMs` has passed without an attempt. */
export interface Shortage {
  readonly retryAt: number;
  readonly waitMs: number;
}

export type QueueName = "probe" | "fresh" | "backlog";

/** What the store may hold. A wrong guess only costs a read: a hint is withdrawn only by an empty batch. */
export interface StoreHints {
  /** The store may hold PENDING calls that weren't read yet. */
  mayHavePending: boolean;
  /** The store may hold a call without an attempt that was held, which can be a probe. */
  mayHaveHeld: boolean;
  /** No FAILED call is due before this instant; null while none waits. */
  dueAt: number | null;
}

/** A change is stored at most this long after its instant. */
const LONGEST_CHANGE_MS = 5 * 60_000;

export function newEndpointState(record: EndpointRecord, now: number, rules: EndpointRules): EndpointState {
  const { policy } = rules;
  const { callback, fence, outage, unrecoveredOutage = null, pendingCalls, nextDueAt } = record;
  const health = { endpoint: endpointTakenOver(record.endpoint, now, policy), outage, unrecoveredOutage };
  const hasRetries = nextDueAt !== null;
  const endpoint: EndpointState = {
    callback,
    fence,
    health,
    isPaused: false,
    expiryAt: 0,
    hasCancelledReplay: false,
    mayBeOver: outage !== null,
    loggedHealth: health,
    closedOutages: [],
    queues: { probe: new CallQueue(), fresh: new CallQueue(), backlog: new CallQueue() },
    inFlight: new InFlightCalls(policy.intervalMs),
    hints: {
      mayHavePending: pendingCalls > 0,
      mayHaveHeld: hasRetries,
      // After a clock change, a later retry may be due earlier, so the first read decides.
      dueAt: hasRetries ? 0 : null,
    },
    generation: 0,
    pendingFrom: 0,
    lastBatch: Number.POSITIVE_INFINITY,
    requestsInFlight: 0,
    callsTaken: 0,
    isProbing: false,
    roundInFlight: 0,
    roundLeft: 0,
    shortage: null,
    bodyGrowth: 1,
  };
  const lastRoundAt = record.endpoint.roundBeganAt ?? 0;
  applyRepairAndReplay(endpoint, lastRoundAt, lastRoundAt);
  applyPause(endpoint, now, rules);
  return endpoint;
}

/** Takes over settings that may have changed; the endpoint keeps its health and calls. */
export function refreshEndpoint(endpoint: EndpointState, callback: Callback, now: number, rules: EndpointRules): void {
  const before = endpoint.callback;
  // Two changes of one millisecond look like one: retries may have been switched off and on again.
  const isChanged = callback.retriesEnabled !== before.retriesEnabled || callback.repairedAt !== before.repairedAt;
  if (isChanged || now < callback.repairedAt + LONGEST_CHANGE_MS) expectEarlierPending(endpoint);
  invalidate(endpoint);
  endpoint.callback = callback;
  endpoint.mayBeOver = endpoint.health.outage !== null;
  applyRepairAndReplay(endpoint, before.repairedAt, before.replayRequestedAt);
  applyPause(endpoint, now, rules);
}

/** Only changes after the known ones count. */
function applyRepairAndReplay(endpoint: EndpointState, knownRepairAt: number, knownReplayAt: number): void {
  const { repairedAt, replayRequestedAt } = endpoint.callback;
  endpoint.health = healthAfterChanges(
    endpoint.health,
    repairedAt > knownRepairAt ? repairedAt : null,
    replayRequestedAt > knownReplayAt ? replayRequestedAt : null,
  );
}

/** Begins or ends a pause. */
function applyPause(endpoint: EndpointState, now: number, { policy }: EndpointRules): void {
  const isPaused = runningPause(endpoint.callback, now) !== null;
  if (isPaused === endpoint.isPaused) return;
  endpoint.isPaused = isPaused;
  if (isPaused) endpoint.health = healthAtPause(endpoint.health, now);
  else changeHealth(endpoint, healthAfterPause(endpoint.health, now, policy));
  endpoint.roundLeft = 0;
  invalidate(endpoint);
}

/** Applies what follows from the time alone. */
export function applyClock(endpoint: EndpointState, now: number, rules: EndpointRules): void {
  applyPause(endpoint, now, rules);
  changeHealth(endpoint, healthByClock(endpoint.health, now, rules.policy, endpoint.isPaused));
  if (endpoint.inFlight.endWaits(now)) expectAnything(endpoint.hints);
}

/** Applies what became of the calls of the open outage. */
export function applyOutageCheck(endpoint: EndpointState, progress: OutageProgress, at: number): void {
  endpoint.mayBeOver = false;
  changeHealth(endpoint, healthAfterCheck(endpoint.health, progress, at));
}

export function changeHealth(endpoint: EndpointState, { health, closed }: HealthChange): void {
  endpoint.health = health;
  if (closed) endpoint.closedOutages.push(closed);
}

/** Is called when new responses were accepted. */
export function expectPending({ hints }: EndpointState): void {
  hints.mayHavePending = true;
}

/** Is called when held calls may be PENDING again, or seqs may be given again. */
export function expectEarlierPending(endpoint: EndpointState): void {
  endpoint.pendingFrom = 0;
}

/** Drops what was read, or is being read, because it is outdated. */
export function invalidate(endpoint: EndpointState): void {
  if (endpoint.queues.probe.length > 0) endpoint.isProbing = false;
  for (const queue of Object.values(endpoint.queues)) queue.clear();
  endpoint.generation += 1;
  endpoint.expiryAt = 0;
  expectAnything(endpoint.hints);
}

export function expectAnything(hints: StoreHints): void {
  hints.mayHavePending = true;
  expectDue(hints, 0);
}

export function expectDue(hints: StoreHints, at: number): void {
  hints.mayHaveHeld = true;
  hints.dueAt = Math.min(hints.dueAt ?? at, at);
}

/** Whether nothing would be lost with the endpoint's state, if all is committed. */
export function isIdle({ inFlight, queues, hints }: EndpointState): boolean {
  const isEmpty = Object.values(queues).every(({ length }) => length === 0);
  return inFlight.size === 0 && isEmpty && !hints.mayHavePending;
}

/** Whether new responses wait for a probe, or are held. */
export function isProbed({ health, callback }: EndpointState): boolean {
  return health.endpoint.state === "down" && callback.retriesEnabled;
}

export function hasOutageAt({ health }: EndpointState, at: number, policy: RetryPolicy): boolean {
  const overAt = closesAt(health, policy);
  return overAt !== null && at < overAt;
}

/** Returns how much memory is taken by calls that were read and wait. */
export function prefetchedBytes({ queues }: EndpointState): number {
  return queues.probe.bytes + queues.fresh.bytes + queues.backlog.bytes;
}

/** A clock that was set back makes no call wait longer. */
export function awaitsTrial({ shortage }: EndpointState, now: number): boolean {
  return shortage !== null && now < shortage.retryAt && shortage.retryAt <= now + shortage.waitMs;
}

export function isReached(at: number | null, now: number): boolean {
  return at !== null && at <= now;
}

export function earlier(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}
