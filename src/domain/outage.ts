/** An outage has one e-mail (docs/dispatcher.md, An outage). */
import type { UnreachableReason } from "./attempt.js";
import type { EndpointStatus } from "./endpoint.js";
import type { RetryPolicy } from "./retry-policy.js";

/** A notice to a file is written, not sent. */
export type NoticeChannel = "smtp" | "file";

export interface OpenOutage {
  /** `id` is 32 upper-case hex digits. */
  readonly id: string;
  /** The beginning of the attempt in which the first of its calls failed for the first time. */
  readonly startedAt: number;
  /** The number of calls that first failed in it. */
  readonly failedCalls: number;
  /** When a call succeeded for the first time since the last first failure, and since the endpoint last went down. */
  readonly quietSince: number | null;
}

export interface UnrecoveredOutage extends OpenOutage {
  /** Its time was over when it closed, so it doesn't reopen, also if the clock is set back. */
  readonly isOver?: boolean;
}

/** An outage, open or closed. */
export interface OutageSpan extends OpenOutage {
  readonly callbackId: string;
  readonly endedAt: number | null;
}

export interface Outage extends OutageSpan {
  readonly notifiedAt: number | null;
  /** `notifiedBy` is null without a notice yet, or if 0.1.0 recorded it. */
  readonly notifiedBy: NoticeChannel | null;
  /** Why the e-mail couldn't be sent the last time. It is null if it was sent, or wasn't tried yet. */
  readonly mailError: string | null;
}

/**
 * `unrecovered` is the last outage, if it closed without a success since: it reopens if the attempt ended within one window of its start, so
 * only if marks have closed it. An e-mail is owed if the outage `isNew`, and only then.
 */
export function outageAfterFirstFailure(
  outage: OpenOutage | null,
  { beganAt, at }: { readonly beganAt: number; readonly at: number },
  newId: () => string,
  unrecovered: UnrecoveredOutage | null,
  policy: RetryPolicy,
): { readonly outage: OpenOutage; readonly isNew: boolean } {
  const before = outage ?? reopened(unrecovered, at, policy);
  if (before === null) return { outage: { id: newId(), startedAt: beganAt, failedCalls: 1, quietSince: null }, isNew: true };
  // The first attempt in flight to fail isn't always the first that began.
  return { outage: { ...outageAfterHolding(before), startedAt: Math.min(before.startedAt, beganAt) }, isNew: false };
}

function reopened(unrecovered: UnrecoveredOutage | null, at: number, { windowMs }: RetryPolicy): OpenOutage | null {
  if (unrecovered === null || unrecovered.isOver || at >= unrecovered.startedAt + windowMs) return null;
  return unrecovered;
}

export function outageAfterHolding(outage: OpenOutage): OpenOutage {
  return { ...outage, failedCalls: outage.failedCalls + 1, quietSince: null };
}

/** What was accepted before says nothing of the endpoint now. */
export function outageAfterGoingDown(outage: OpenOutage | null): OpenOutage | null {
  return outage && { ...outage, quietSince: null };
}

export function outageAfterSuccess(outage: OpenOutage | null, at: number): OpenOutage | null {
  return outage === null || outage.quietSince !== null ? outage : { ...outage, quietSince: at };
}

/** Returns one interval after `quietSince` while up, and at the latest one window after the outage opened. */
export function outageClosesAt(outage: OpenOutage, state: EndpointStatus, policy: RetryPolicy): number {
  const atTheLatest = outage.startedAt + policy.windowMs;
  if (state !== "up" || outage.quietSince === null) return atTheLatest;
  return Math.min(atTheLatest, outage.quietSince + policy.intervalMs);
}

/** Moves times in the future to now, because the wall clock was set back. */
export function outageByClock(outage: OpenOutage | null, now: number): OpenOutage | null {
  if (outage === null || (outage.startedAt <= now && (outage.quietSince ?? now) <= now)) return outage;
  const quietSince = outage.quietSince === null ? null : Math.min(outage.quietSince, now);
  return { ...outage, startedAt: Math.min(outage.startedAt, now), quietSince };
}

/** The attempt that opened it still counts. */
export function outageWithoutHoldings(outage: OpenOutage | null, skipped: number): OpenOutage | null {
  if (outage === null || skipped === 0) return outage;
  return { ...outage, failedCalls: Math.max(1, outage.failedCalls - skipped) };
}

/** `OutageProgress` is about the calls that first failed since the outage opened. */
export interface OutageProgress {
  readonly hasFailed: boolean;
  /** Whether none of them is FAILED, and a client's replay has delivered one since the last of them first failed. */
  readonly hasDelivered: boolean;
}

/** An outage has one at most, so the outage's id is its id. */
export interface Mail extends NewMail {
  /** The tries that have failed so far. */
  readonly tries: number;
}

export interface NewMail {
  readonly outageId: string;
  readonly callbackId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly createdAt: number;
  /** The e-mail with this `outageId` is answered by this one, so that mail programs show them together. */
  readonly inReplyTo?: string;
}

/** An outage's e-mail was tried without an outage. It is in no outbox, and counts as no notice. */
export interface TestMail {
  readonly to: string;
  readonly channel: NoticeChannel;
  readonly isSent: boolean;
  /** The mail server's answer, why it wasn't sent, or the file's path. */
  readonly answer: string;
}

export type OutageEvent = "began" | "ended";

/** A notice is about an outage, or about calls that aren't retried any more. */
export type NoticeEvent = OutageEvent | "expired";

export interface NotifiedCallback {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

/** Returns the address of the outage's page for people, or of the callback's failed calls. It is null if none is known. */
export type OutageUrl = (callbackId: string, outageId: string | null) => string | null;

export interface OutageReport {
  readonly event: OutageEvent;
  readonly outageId: string;
  readonly callback: NotifiedCallback;
  readonly startedAt: number;
  /** The calls that first failed in it, as of `asOf`. */
  readonly failedCalls: number;
  /** Why most of them failed first, if that is counted; a report of an older version doesn't say it. Both are null for held calls. */
  readonly failure?: { readonly statusCode: number | null; readonly reason: UnreachableReason | null };
  /** The callback's URL with its secrets masked, unless it was deleted; a report of an older version doesn't say it. */
  readonly url?: string;
  /** `end` is null if the outage began. */
  readonly end: OutageEnd | DeletedEnd | null;
  readonly asOf: number;
}

export interface OutageEnd {
  readonly endedAt: number;
  /** A response was accepted at this instant, and no new one has failed since; or null. A report of an older version doesn't say it. */
  readonly acceptingSince?: number | null;
  readonly how: HowEnded;
  /** What became of the calls that first failed in it. */
  readonly calls: SettledCalls;
}

/** The outage ended because its callback was deleted, with its calls. */
export interface DeletedEnd {
  readonly endedAt: number;
  readonly how: "deleted";
}

/** Without a success since the last failure, an outage is marked if none of its calls is FAILED any more, else unrecovered. */
export type HowEnded = "recovered" | "marked" | "unrecovered";

export interface SettledCalls {
  /** `delivered` counts what a retry or a replay delivered. */
  readonly delivered: number;
  readonly marked: number;
  readonly stillFailed: number;
  /** If it is false, each number is a lower bound. */
  readonly isComplete: boolean;
}

export function howOutageEnded({ quietSince }: OpenOutage, { stillFailed }: SettledCalls): HowEnded {
  if (quietSince !== null) return "recovered";
  return stillFailed > 0 ? "unrecovered" : "marked";
}

/** A notice is queued for one destination. */
export type Notice = OutageNotice | ExpiryNotice;

interface QueuedNotice {
  /** `destination` isn't a URL, which may hold a secret. */
  readonly destination: string;
  readonly callback: NotifiedCallback;
  readonly isDeleted: boolean;
  /** The tries that have failed so far. */
  readonly tries: number;
}

export interface OutageNotice extends QueuedNotice {
  readonly event: OutageEvent;
  readonly outage: OutageSpan;
  /** The report as it was first sent, because a repeat says the same. */
  readonly report: OutageReport | null;
}

export interface ExpiryNotice extends QueuedNotice {
  readonly event: "expired";
  readonly report: ExpiryReport;
}

/** These calls aren't retried any more since the callback's last notice, and were still FAILED as of `asOf`. */
export interface ExpiryReport {
  readonly event: "expired";
  readonly noticeId: string;
  readonly callback: NotifiedCallback;
  readonly expiredCalls: number;
  /** The one of them that failed first. */
  readonly oldest: { readonly callId: string; readonly firstFailedAt: number };
  readonly asOf: number;
}
