import {
  type Attempt,
  type DeliveryResult,
  isAccepted,
  type NewAttempt,
  resultMessage,
  type UnreachableReason,
} from "./attempt.js";
import type { MessageResponse } from "./message-response.js";
import { nextDueAt, paceMs, type RetryPolicy, retryUntil } from "./retry-policy.js";

export type CallStatus = "PENDING" | "SUCCESS" | "FAILED";

export interface Call extends CallProgress {
  /** `seq` is unique and grows with each call, so it gives the order of acceptance. */
  readonly seq: number;
  /** `id` is the id's key (`idKey`): 32 upper-case hex digits (UUIDv7), or as given. */
  readonly id: string;
  readonly callbackId: string;
  readonly response: MessageResponse;
  /** `leftOutBytes` is the stored size of a response that was too large to be prefetched. */
  readonly leftOutBytes?: number;
  readonly acceptedAt: number;
}

/** A client's run that sent and marked the call is a replay. */
export type SettledBy = "dispatcher" | MarkedBy;
export type MarkedBy = "user" | "replay";

export function isMarked({ settledBy }: Pick<CallProgress, "settledBy">): boolean {
  return settledBy === "user" || settledBy === "replay";
}

/** What is shown of a call's last attempt. */
export interface LastOutcome {
  readonly statusCode: number | null;
  readonly statusMessage: string | null;
  readonly error: UnreachableReason | null;
}

export interface CallProgress extends LastOutcome {
  readonly status: CallStatus;
  readonly attemptCount: number;
  /** The start of the last attempt, a client's too, or when the call was held. */
  readonly attemptedAt: number | null;
  /** The start of the service's own last attempt, which alone decides what is sent when. It is never after `attemptedAt`. */
  readonly sentAt: number | null;
  /** The start of its retry window. */
  readonly firstFailedAt: number | null;
  /** `due` is null for a PENDING call, which needs none to be sent. */
  readonly due: Due | null;
  /** The endpoint's recovery in which the call last failed, or 0. Later recoveries take such calls last. */
  readonly failedInRecovery: number;
  readonly settledBy: SettledBy | null;
  /** Whether the dispatcher has delivered it for a replay. */
  readonly isReplayed: boolean;
  /** The outage that counts the call among those that first failed in it. */
  readonly outageId: string | null;
  readonly changedAt: number;
}

export interface Due {
  readonly at: number;
  readonly cause: "retry" | "replay";
}

export interface RetryRule {
  readonly retriesEnabled: boolean;
  readonly policy: RetryPolicy;
  /** The jitter is a fraction in [0,1). */
  readonly random: number;
}

const UUID = /^[\da-f]{8}(-?)[\da-f]{4}\1[\da-f]{4}\1[\da-f]{4}\1[\da-f]{12}$/i;

/** Two ids are equal if their keys are, byte for byte. 32 hex digits ignore case and the dashes of a UUID. */
export function idKey(id: string): string {
  return UUID.test(id) ? id.replaceAll("-", "").toUpperCase() : id;
}

/** Returns a function that finds the id that is meant by one of a service: that very id, or else the only equal one. */
export function idFinder(ids: Iterable<string>): (id: string) => string | null {
  const known = new Set(ids);
  const onlyOfKey = new Map<string, string | null>();
  for (const id of known) onlyOfKey.set(idKey(id), onlyOfKey.has(idKey(id)) ? null : id);
  return (id) => (known.has(id) ? id : (onlyOfKey.get(idKey(id)) ?? null));
}

/** A service makes ids of 32 hex digits, the platform also of 16. */
export function isGeneratedId(id: string): boolean {
  return /^(?:[\da-f]{16}){1,2}$/i.test(id);
}

/** In a literal, such classes would be built whenever the file is loaded (docs/adr/0007). */
export const INVISIBLE = "\\p{Cc}\\p{Cf}";

/**
 * A service takes what is separated by commas for several, and may take what isn't seen, or isn't UTF-8, for the end of one. Dots alone would
 * be another path.
 */
export function isOneId(text: string): boolean {
  if (text.length > 128) return false;
  return /^[\w-]*$/.test(text) || !new RegExp(`[\\s,${INVISIBLE}\ufffd]|^\\.{1,2}$`, "u").test(text);
}

/**
 * Returns the index of the first line whose id is behind a tab, or is indented otherwise than the first id, or -1. comm(1) writes the lines
 * of one file in the first column, those of the other behind a tab, and those of both behind two. Comments don't count.
 */
export function findIndented(lines: readonly string[]): number {
  const indents = lines.map((line) => /^\s*(?=[^\s#])/.exec(line)?.[0]);
  const first = indents.find((indent) => indent !== undefined);
  return indents.findIndex((indent) => indent !== undefined && (indent !== first || indent.includes("\t")));
}

export const INDENTED = "its id is indented, as comm writes the lines of one of two lists";
export const UNINDENTED_HINT = "give one list of ids, without tabs: comm -12 writes what two have in common; nothing was done";

export const SHORTEST_PREFIX = 6;

/** Says what `isIdPrefix` accepts. */
export const ID_PREFIX = `${SHORTEST_PREFIX} to 31 hex digits`;

/** A text that is a prefix may also be a whole id. */
export function isIdPrefix(text: string): boolean {
  return text.length >= SHORTEST_PREFIX && text.length < 32 && /^[\da-f]+$/i.test(text);
}

/** Whether the id begins with the prefix and isn't one that a sender chose. */
export function isCompletionOf(id: string, prefix: string): boolean {
  return isGeneratedId(id) && id.toUpperCase().startsWith(prefix.toUpperCase());
}

/** The chosen id that is the prefix, if there is one, and the generated ids that begin with it. */
export interface CallIdMatches {
  /** If there are many, some are left out. */
  readonly callIds: readonly string[];
  readonly hasMore: boolean;
}

/** It has what `CallIdMatches` has, of all callbacks. */
export interface CallPlaces {
  readonly calls: readonly { readonly id: string; readonly callbackId: string }[];
  readonly hasMore: boolean;
}

/** Follows docs/dispatcher.md, A call, Rules 2-6. `recovery` is the one that the attempt was made in, or 0. */
export function recordAttempt(call: CallProgress, attempt: Attempt, rule: RetryRule, recovery = 0): CallProgress {
  const { result } = attempt;
  const attempted: CallProgress = {
    ...call,
    attemptCount: call.attemptCount + 1,
    attemptedAt: attempt.startedAt,
    ...outcomeOf(result),
    sentAt: attempt.startedAt,
    changedAt: attempt.startedAt + attempt.durationMs,
  };
  // It was in flight when the call was marked, which can be undone unless it was accepted.
  if (call.status === "SUCCESS" && !isAccepted(result)) return { ...attempted, changedAt: call.changedAt };
  if (isAccepted(result)) {
    return { ...attempted, status: "SUCCESS", settledBy: "dispatcher", isReplayed: attempt.cause === "replay", due: null };
  }
  const firstFailedAt = call.firstFailedAt ?? attempt.startedAt;
  const isRequestedReplay = call.due?.cause === "replay" && attempt.cause === "replay";
  // The replay was requested while another attempt was in flight, or before a probe.
  const isReplayStillDue = call.due?.cause === "replay" && !isRequestedReplay;
  // Only a replay sends a call that is marked FAILED, so this one was marked while the attempt was in flight.
  const isMarked = call.settledBy !== null && !isRequestedReplay;
  return {
    ...attempted,
    status: "FAILED",
    settledBy: isMarked ? call.settledBy : null,
    firstFailedAt,
    due: isMarked || isReplayStillDue ? call.due : dueAfterFailure(firstFailedAt, attempt.startedAt, rule),
    failedInRecovery: Math.max(call.failedInRecovery, recovery),
  };
}

/**
 * Changes only what is shown of the last attempt (docs/contract.md, What ours adds), which is reported `at` this instant: the call changes
 * then, whatever the client's date. A mark whose call has been accepted since can't be undone; one whose call was rejected again can.
 */
export function recordClientReplay(call: CallProgress, { startedAt, result }: NewAttempt, at: number): CallProgress {
  const isLast = call.attemptedAt === null || startedAt >= call.attemptedAt;
  const isChanged = call.status !== "SUCCESS" || isAccepted(result);
  return {
    ...call,
    attemptCount: call.attemptCount + 1,
    ...(isLast && { attemptedAt: startedAt, ...outcomeOf(result) }),
    ...(isChanged && { changedAt: call.status === "SUCCESS" ? laterChange(call, at) : at }),
  };
}

/** Whether the change ended the retries that the call had: its window is over. A replay that was requested later than that changes nothing. */
export function endsRetries(
  before: CallProgress,
  after: CallProgress,
  { retriesEnabled, policy }: Omit<RetryRule, "random">,
): boolean {
  const { due, firstFailedAt } = before;
  if (!retriesEnabled || due === null || firstFailedAt === null) return false;
  if (after.status !== "FAILED" || after.due !== null || after.settledBy !== null) return false;
  return due.cause === "retry" || due.at <= retryUntil(firstFailedAt, policy);
}

export function outcomeOf(result: DeliveryResult): LastOutcome {
  const isAnswered = result.kind === "answered";
  return {
    statusCode: isAnswered ? result.statusCode : null,
    statusMessage: resultMessage(result),
    error: isAnswered ? null : result.reason,
  };
}

/**
 * Makes a call FAILED without an attempt. Its window starts now. Without jitter, an outage's calls are neighbours in the index of due
 * times, and a group of them changes few pages.
 */
export function holdCall(call: CallProgress, at: number, { intervalMs }: RetryPolicy): CallProgress {
  if (call.status !== "PENDING") return call;
  return {
    ...call,
    status: "FAILED",
    attemptedAt: at,
    statusCode: null,
    error: null,
    statusMessage: "Held: endpoint down",
    firstFailedAt: at,
    due: { at: at + intervalMs, cause: "retry" },
    changedAt: at,
  };
}

export const PENDING_PROBLEM = "is waiting for its first attempt to end and can't";

/** Says why a call can't leave its status for this one by a mark, or returns null: FAILED needs an attempt, and content to send. */
export function markProblem(call: CallProgress, status: "SUCCESS" | "FAILED"): string | null {
  if (status !== "FAILED") return null;
  if (call.status === "PENDING") return PENDING_PROBLEM;
  return isErased(call) ? "was erased and can't be sent again, so it can't" : null;
}

/** Follows docs/dispatcher.md, A call, Rule 6, for a call without a `markProblem`. */
export function markCall(call: CallProgress, status: "SUCCESS" | "FAILED", at: number, by: MarkedBy = "user"): CallProgress {
  // The endpoint has accepted a call that was marked by hand before.
  if (call.status === status && status === "SUCCESS" && by === "replay" && call.settledBy === "user" && !isErased(call)) {
    return { ...call, settledBy: by, changedAt: at };
  }
  if (call.status === status) return call;
  return { ...call, status, due: null, settledBy: by, changedAt: at };
}

/** What takes a mark back, or is accepted after it, must not seem earlier than the mark, though this node's clock is behind. */
export function laterChange({ changedAt }: CallProgress, at: number): number {
  return Math.max(at, changedAt + 1);
}

export const ERASED = "Erased: the sender's data was removed";

/** Settles a call that waits or has failed, because it can't be sent without its content. */
export function eraseCall(call: CallProgress, at: number): CallProgress {
  return { ...markCall(call, "SUCCESS", at), due: null, statusCode: null, error: null, statusMessage: ERASED };
}

/**
 * An erased call must not become FAILED, as a replay would send an empty body. An endpoint that answers with this text has a status
 * code.
 */
export function isErased(call: { readonly statusCode: number | null; readonly statusMessage: string | null }): boolean {
  return call.statusCode === null && call.statusMessage === ERASED;
}

/**
 * Requests a replay of a FAILED call, inside its window or not. One that waits for an earlier replay stays with it. `requestedAt`
 * is when the replay was requested.
 */
export function requestReplay(call: CallProgress, at: number, requestedAt = at): CallProgress {
  if (call.status !== "FAILED" || call.due?.cause === "replay") return call;
  return { ...call, due: { at: requestedAt, cause: "replay" }, failedInRecovery: 0, changedAt: laterChange(call, at) };
}

/** Cancels a call's replay; its retries go on inside its window. */
export function cancelReplay(call: CallProgress, at: number, rule: RetryRule): CallProgress {
  const { due, firstFailedAt, sentAt, settledBy } = call;
  if (due?.cause !== "replay") return call;
  const mayRetry = settledBy === null && firstFailedAt !== null && at <= retryUntil(firstFailedAt, rule.policy);
  const retry = mayRetry ? dueAfterFailure(firstFailedAt, sentAt ?? firstFailedAt, rule) : null;
  return { ...call, due: retry && { ...retry, at: Math.max(retry.at, at) }, changedAt: laterChange(call, at) };
}

/** Whether the call was held, and the service hasn't attempted it since. */
export function isHeld(call: CallProgress): boolean {
  return call.status === "FAILED" && call.sentAt === null && call.due !== null;
}

/** Follows docs/dispatcher.md, A call, Rule 11. Returns 0 if the attempt may begin at any time. */
export function mayBeginAt({ sentAt, due }: CallProgress, policy: RetryPolicy, repairedAt: number): number {
  if (sentAt === null || due?.cause === "replay") return 0;
  return sentAt < repairedAt ? 0 : sentAt + paceMs(policy);
}

/** Returns null if none is scheduled. A call that waits for its endpoint or its turn may be sent from now on. */
export function nextAttemptAt({ due }: CallProgress, now: number): number | null {
  return due && Math.max(due.at, now);
}

/** Whether a retry may still be made. In a drain, `at` is the recovery's beginning. */
export function isInWindow({ due, firstFailedAt }: CallProgress, at: number, policy: RetryPolicy): boolean {
  return due?.cause !== "retry" || firstFailedAt === null || at <= retryUntil(firstFailedAt, policy);
}

/** `mayBeginAt` for a query: a call may begin if its `sentAt` is this or earlier. */
export function attemptedLongAgo(now: number, policy: RetryPolicy, repairedAt: number): number {
  return Math.max(now - paceMs(policy), Math.min(repairedAt, now) - 1);
}

function dueAfterFailure(firstFailedAt: number, attemptBeganAt: number, rule: RetryRule): Due | null {
  if (!rule.retriesEnabled || attemptBeganAt >= retryUntil(firstFailedAt, rule.policy)) return null;
  return { at: nextDueAt(firstFailedAt, attemptBeganAt, rule.policy, rule.random), cause: "retry" };
}
