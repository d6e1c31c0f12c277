/** The delivery of one response to one callback, and the changes it can go through. A status is assigned nowhere else. */
import { type Attempt, isAccepted, resultMessage, type UnreachableReason } from "./attempt.js";
import type { MessageResponse } from "./message-response.js";
import { nextDueAt, paceMs, type RetryPolicy, retryUntil } from "./retry-policy.js";

export type CallStatus = "PENDING" | "SUCCESS" | "FAILED";

export interface Call extends CallProgress {
  /** Grows with acceptance, unique in the store: "oldest first" is by it, and it settles ties. */
  readonly seq: number;
  /** 32 upper-case hex digits (UUIDv7), or what the caller gave. */
  readonly id: string;
  readonly callbackId: string;
  readonly response: MessageResponse;
  /** Its response was too large to be prefetched and was left out; this is its size as stored. Read the call again to get it. */
  readonly leftOutBytes?: number;
  readonly acceptedAt: number;
}

/** replay: a run of this or another client sent it, the endpoint accepted it, and the run marked it. */
export type SettledBy = "dispatcher" | MarkedBy;
export type MarkedBy = "user" | "replay";

/** The part of a call that its transitions read and change. */
export interface CallProgress {
  readonly status: CallStatus;
  readonly attemptCount: number;
  /** When the last attempt started, or the call was held; null before that. */
  readonly attemptedAt: number | null;
  readonly statusCode: number | null;
  readonly statusMessage: string | null;
  readonly error: UnreachableReason | null;
  /** The start of its retry window; null if it never failed. */
  readonly firstFailedAt: number | null;
  /** The next attempt, if one is due. A PENDING call waits for its first attempt without one. */
  readonly due: Due | null;
  /**
   * The number of the endpoint's recovery in which it last failed, 0 if none. Such calls go last in later recoveries, those of
   * later outages too.
   */
  readonly failedInRecovery: number;
  readonly settledBy: SettledBy | null;
  readonly changedAt: number;
}

export interface Due {
  readonly at: number;
  readonly cause: "retry" | "replay";
}

/** What decides about a call's next attempt besides the call itself. */
export interface RetryRule {
  readonly retriesEnabled: boolean;
  readonly policy: RetryPolicy;
  /** In [0,1), for the jitter. */
  readonly random: number;
}

/** The stored form of an id: hex digits are upper-cased, since people type them in either case; any other id stays as it is. */
export function callIdFrom(text: string): string {
  return /^[\da-f]{32}$/i.test(text) ? text.toUpperCase() : text;
}

/**
 * The call after an attempt. 200 makes it SUCCESS; anything else FAILED, with a retry due while retries are on and its window
 * lasts. A call that was marked SUCCESS during the attempt stays SUCCESS (docs/dispatcher.md, A call, Rules 2-6).
 * `recovery`: the number of the recovery that the attempt was part of, 0 if none.
 */
export function recordAttempt(call: CallProgress, attempt: Attempt, rule: RetryRule, recovery = 0): CallProgress {
  const { result } = attempt;
  const attempted: CallProgress = {
    ...call,
    attemptCount: call.attemptCount + 1,
    attemptedAt: attempt.startedAt,
    statusCode: result.kind === "answered" ? result.statusCode : null,
    statusMessage: resultMessage(result),
    error: result.kind === "answered" ? null : result.reason,
    changedAt: attempt.startedAt + attempt.durationMs,
  };
  if (call.status === "SUCCESS") return attempted;
  if (isAccepted(result)) return { ...attempted, status: "SUCCESS", settledBy: "dispatcher", due: null };
  const firstFailedAt = call.firstFailedAt ?? attempt.startedAt;
  // Requested while another attempt was in flight, or before a probe: the replay is still to come.
  const isReplayStillDue = call.due?.cause === "replay" && attempt.cause !== "replay";
  return {
    ...attempted,
    status: "FAILED",
    settledBy: null,
    firstFailedAt,
    due: isReplayStillDue ? call.due : dueAfterFailure(firstFailedAt, attempt.startedAt, rule),
    failedInRecovery: Math.max(call.failedInRecovery, recovery),
  };
}

/** A client reports what it sent: that changes neither the status nor what is due. */
export function recordClientReplay(call: CallProgress, { startedAt, durationMs, result }: Attempt): CallProgress {
  const counted = { ...call, attemptCount: call.attemptCount + 1 };
  if (call.attemptedAt !== null && startedAt < call.attemptedAt) return counted;
  return {
    ...counted,
    attemptedAt: startedAt,
    statusCode: result.kind === "answered" ? result.statusCode : null,
    statusMessage: resultMessage(result),
    error: result.kind === "answered" ? null : result.reason,
    changedAt: Math.max(call.changedAt, startedAt + durationMs),
  };
}

/** A new response that isn't sent because its endpoint is down: FAILED without an attempt, and its window starts now. */
export function holdCall(call: CallProgress, at: number, downSince: number, rule: RetryRule): CallProgress {
  if (call.status !== "PENDING") return call;
  return {
    ...call,
    status: "FAILED",
    attemptedAt: at,
    statusMessage: `Held: endpoint down since ${new Date(downSince).toISOString()}`,
    firstFailedAt: at,
    due: dueAfterFailure(at, at, rule),
    changedAt: at,
  };
}

/**
 * A mark, by a user or a replay. SUCCESS cancels what is due, also a first attempt; FAILED changes the status and makes nothing due (docs/dispatcher.md,
 * A call, Rule 6). The caller rejects FAILED for a PENDING call.
 */
export function markCall(call: CallProgress, status: "SUCCESS" | "FAILED", at: number, by: MarkedBy = "user"): CallProgress {
  if (call.status === status) return call;
  return { ...call, status, due: null, settledBy: by, changedAt: at };
}

/** A user requests one attempt now, inside the window or not. Only a FAILED call can be replayed. */
export function requestReplay(call: CallProgress, at: number): CallProgress {
  return call.status === "FAILED" ? { ...call, due: { at, cause: "replay" }, failedInRecovery: 0, changedAt: at } : call;
}

/** Whether the call was held while its endpoint was down and has had no attempt since. */
export function isHeld(call: Pick<CallProgress, "status" | "attemptCount" | "due">): boolean {
  return call.status === "FAILED" && call.attemptCount === 0 && call.due !== null;
}

/**
 * When the call's next attempt may begin, whatever the state of its endpoint (docs/dispatcher.md, A call, Rule 11); 0: at any time. A
 * requested replay may go at any time, and so may a call whose last attempt began before `repairedAt`.
 */
export function mayBeginAt(
  call: Pick<CallProgress, "attemptCount" | "attemptedAt" | "due">,
  policy: RetryPolicy,
  repairedAt: number,
): number {
  if (call.attemptCount === 0 || call.attemptedAt === null || call.due?.cause === "replay") return 0;
  return call.attemptedAt < repairedAt ? 0 : call.attemptedAt + paceMs(policy);
}

/** Whether the call may be sent at `at` as far as its window goes; in a drain `at` is when the recovery began. */
export function isInWindow(
  { due, firstFailedAt }: Pick<CallProgress, "due" | "firstFailedAt">,
  at: number,
  policy: RetryPolicy,
): boolean {
  return due?.cause !== "retry" || firstFailedAt === null || at <= retryUntil(firstFailedAt, policy);
}

/** Calls whose last attempt began at or before this may begin another at `now`: mayBeginAt for a whole query. */
export function attemptedLongAgo(now: number, policy: RetryPolicy, repairedAt: number): number {
  return Math.max(now - paceMs(policy), Math.min(repairedAt, now) - 1);
}

function dueAfterFailure(firstFailedAt: number, attemptBeganAt: number, rule: RetryRule): Due | null {
  if (!rule.retriesEnabled || attemptBeganAt >= retryUntil(firstFailedAt, rule.policy)) return null;
  return { at: nextDueAt(firstFailedAt, attemptBeganAt, rule.policy, rule.random), cause: "retry" };
}
