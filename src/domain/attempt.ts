export interface Attempt extends NewAttempt {
  /** A call's first attempt has number 1. */
  readonly number: number;
}

/** An attempt that gets its number when it is recorded. */
export interface NewAttempt {
  readonly startedAt: number;
  readonly durationMs: number;
  readonly cause: AttemptCause;
  readonly result: DeliveryResult;
  /** A client's replay was sent by this user@host. */
  readonly sentFrom?: string;
}

export type AttemptCause = "first" | "retry" | "probe" | "replay";

/** An unreachable endpoint is a value, not an exception. */
export type DeliveryResult =
  | {
      readonly kind: "answered";
      readonly statusCode: number;
      readonly statusMessage: string;
      /** The answer's first 1 KiB, with the callback's key masked. */
      readonly body: string;
      /** The answer was longer. */
      readonly isCut?: true;
      readonly resent?: true;
      /** The endpoint asked for this pause. It is shown, and changes nothing. */
      readonly retryAfterMs?: number;
    }
  | {
      readonly kind: "unreachable";
      readonly reason: UnreachableReason;
      readonly detail: string;
      /** The request was sent again on a fresh connection, as the endpoint had closed the reused one. */
      readonly resent?: true;
    };

/** docs/dispatcher.md explains these (A call, Rule 3). */
export type UnreachableReason = (typeof UNREACHABLE_REASONS)[number];

export const UNREACHABLE_REASONS = [
  "connect-timeout",
  "response-timeout",
  "refused",
  "dns",
  "tls",
  "reset",
  "redirect",
  "too-large",
  "address-refused",
  "protocol", // not an HTTP answer
] as const;

/** What people read. ASCII, as e-mails need no encoding then. */
export const REASON_WORDS: Readonly<Record<UnreachableReason, string>> = {
  "connect-timeout": "connection timed out",
  "response-timeout": "no complete answer in time",
  refused: "connection refused",
  dns: "DNS lookup failed",
  tls: "TLS connection failed",
  reset: "connection lost",
  redirect: "redirect not followed",
  "too-large": "answer too large",
  "address-refused": "address not allowed",
  protocol: "invalid HTTP",
};

const OPEN_ENDS: ReadonlySet<string> = new Set<UnreachableReason>(["response-timeout", "reset", "too-large", "protocol"]);

/** A gateway in front of the endpoint answers so if it got no valid answer from it. From 520 on they are Cloudflare's. */
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([502, 504, 520, 522, 524]);

/**
 * Whether the endpoint may have the call: it answered 200, or no complete answer of its own came. Other reasons say that it wasn't sent, or
 * where else it should be sent. The code is null if there was no answer.
 */
export function mayHaveBeenTaken(statusCode: number | null, reason: string | null): boolean {
  if (statusCode === null) return OPEN_ENDS.has(reason ?? "");
  return isAcceptedStatus(statusCode) || GATEWAY_STATUSES.has(statusCode);
}

const WITHOUT_CONNECTION: ReadonlySet<string> = new Set<UnreachableReason>([
  "connect-timeout",
  "refused",
  "dns",
  "address-refused",
]);

/** Whether nothing was sent. The code is null if there was no answer. */
export function hadNoConnection(statusCode: number | null, reason: string | null): boolean {
  return statusCode === null && WITHOUT_CONNECTION.has(reason ?? "");
}

export function isAccepted(result: DeliveryResult): boolean {
  return result.kind === "answered" && isAcceptedStatus(result.statusCode);
}

/** Only 200 is a success. The code is null if there was no answer. */
export function isAcceptedStatus(statusCode: number | null): boolean {
  return statusCode === 200;
}

const STATUSES_ABOUT_BODY: ReadonlySet<number | null> = new Set([400, 406, 409, 413, 415, 422, 500]);

/** Whether such an answer may be about this body only. The code is null if there was no answer. */
export function mayBeAboutBody(statusCode: number | null): boolean {
  return STATUSES_ABOUT_BODY.has(statusCode);
}

/** Says in one line how an attempt ended. */
export function resultMessage(result: DeliveryResult): string {
  return result.kind === "answered" ? result.statusMessage : `${result.reason}: ${result.detail}`;
}

/** The time of an attempt counts while the process runs (docs/contract.md). */
export const ATTEMPT_DEADLINE_MS = 60_000;

/** A client's report may be dated this far ahead of the service's clock. */
export const MAX_REPORT_AHEAD_MS = 5 * 60_000;
export const MAX_REPORT_DURATION_MS = 24 * 60 * 60_000;
/** A report may have so many characters of an answer. `whcb serve` itself keeps fewer. */
export const MAX_REPORT_BODY = 4_096;
