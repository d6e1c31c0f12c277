/** The delivery of one response to one callback, and the moves it can make. A status is assigned nowhere else. */
import { type Attempt, isAccepted, resultMessage, type UnreachableReason } from "./attempt.js";
import type { MessageResponse } from "./message-response.js";
import { nextDueAt, type RetryPolicy, retryUntil } from "./retry-policy.js";

export type CallStatus = "PENDING" | "SUCCESS" | "FAILED";

export interface Call {
  /** Grows with acceptance, unique in the store: "oldest first" is by it, and it settles ties. */
  readonly seq: number;
  /** 32 upper-case hex digits (UUIDv7), or what the caller gave. */
  readonly id: string;
  readonly callbackId: string;
  readonly response: MessageResponse;
  /** The response was too large to wait in memory, and is left out: read the call again to have it. */
  readonly isAbridged?: true;
  readonly acceptedAt: number;
  readonly status: CallStatus;
  readonly attemptCount: number;
  /** The last attempt's start, or the holding's; null while nothing has happened. */
  readonly attemptedAt: number | null;
  readonly statusCode: number | null;
  readonly statusMessage: string | null;
  readonly error: UnreachableReason | null;
  /** Where its retry window starts; null if it never failed. */
  readonly firstFailedAt: number | null;
  /** The sending that waits, if any. A PENDING call waits for its first attempt without one. */
  readonly due: Due | null;
  /**
   * The number of the endpoint's recovery in which it last failed: such calls go last in the next ones, those of later outages
   * too, since it failed while others were accepted. 0: none.
   */
  readonly failedInRecovery: number;
  readonly settledBy: "dispatcher" | "user" | null;
  readonly changedAt: number;
}

/** An id as it is kept: hex digits are the same in either case, and a person may have typed them. Any other id is left as it is. */
export function callIdFrom(text: string): string {
  return /^[\da-f]{32}$/i.test(text) ? text.toUpperCase() : text;
}

export interface Due {
  readonly at: number;
  readonly cause: "retry" | "replay";
}

/** What decides about a call's next attempt besides the call itself. */
export interface RetryRule {
  readonly retriesEnabled: boolean;
  readonly policy: RetryPolicy;
  /** In [0,1): the jitter's chance. */
  readonly random: number;
}

/**
 * The call after an attempt. 200 settles it; anything else leaves it FAILED, due again while retries are on and its window
 * lasts. What a user marked SUCCESS while the attempt was under way stays so (dispatch.md, a call, 2-6).
 * `recovery`: the number of the recovery that the attempt belonged to, 0 for none.
 */
export function recordAttempt(call: Call, attempt: Attempt, rule: RetryRule, recovery = 0): Call {
  const { result } = attempt;
  const attempted: Call = {
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
  // A replay asked for while another attempt was under way is still owed; so it is after a probe, which may have gone before it.
  const isReplayOwed = call.due?.cause === "replay" && attempt.cause !== "replay";
  return {
    ...attempted,
    status: "FAILED",
    settledBy: null,
    firstFailedAt,
    due: isReplayOwed ? call.due : dueAfterFailure(firstFailedAt, attempt.startedAt, rule),
    failedInRecovery: Math.max(call.failedInRecovery, recovery),
  };
}

/**
 * A new response that isn't sent because its endpoint is down: FAILED without an attempt, its window starts now
 * (dispatch.md, down).
 */
export function holdCall(call: Call, at: number, downSince: number, rule: RetryRule): Call {
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
 * A user's mark. SUCCESS cancels what is due, a first sending too; FAILED changes the status and makes nothing due
 * (dispatch.md, a call, 6). A PENDING call can't be marked FAILED: the caller refuses that.
 */
export function markCall(call: Call, status: "SUCCESS" | "FAILED", at: number): Call {
  if (call.status === status) return call;
  return { ...call, status, due: null, settledBy: "user", changedAt: at };
}

/** A user asks for one attempt now, window or not. Only a FAILED call can be replayed. */
export function askReplay(call: Call, at: number): Call {
  return call.status === "FAILED" ? { ...call, due: { at, cause: "replay" }, failedInRecovery: 0, changedAt: at } : call;
}

/** Whether the call was taken in while its endpoint was down and has had no attempt. */
export function isHeld(call: Pick<Call, "status" | "attemptCount" | "due">): boolean {
  return call.status === "FAILED" && call.attemptCount === 0 && call.due !== null;
}

function dueAfterFailure(firstFailedAt: number, attemptBeganAt: number, rule: RetryRule): Due | null {
  if (!rule.retriesEnabled || attemptBeganAt >= retryUntil(firstFailedAt, rule.policy)) return null;
  return { at: nextDueAt(firstFailedAt, attemptBeganAt, rule.policy, rule.random), cause: "retry" };
}
