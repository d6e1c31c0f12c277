export interface Attempt extends NewAttempt {
  /** Of the call, from 1. */
  readonly number: number;
}

/** It gets its number when it is recorded. */
export interface NewAttempt {
  readonly startedAt: number;
  readonly durationMs: number;
  readonly cause: AttemptCause;
  readonly result: DeliveryResult;
  /** user@host, for a client's replay. */
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
      readonly resent?: true;
    }
  | {
      readonly kind: "unreachable";
      readonly reason: UnreachableReason;
      readonly detail: string;
      /** On a fresh connection: the endpoint had closed the reused one. */
      readonly resent?: true;
    };

/** docs/dispatcher.md, a call, 3. */
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

export function isAccepted(result: DeliveryResult): boolean {
  return result.kind === "answered" && isAcceptedStatus(result.statusCode);
}

/** Exactly 200. null: there was no answer. */
export function isAcceptedStatus(statusCode: number | null): boolean {
  return statusCode === 200;
}

/** In one line. */
export function resultMessage(result: DeliveryResult): string {
  return result.kind === "answered" ? result.statusMessage : `${result.reason}: ${result.detail}`;
}

/** Counts while the process runs (docs/contract.md). */
export const ATTEMPT_DEADLINE_MS = 60_000;

/** A client's report may be dated this far ahead of the service's clock. */
export const MAX_REPORT_AHEAD_MS = 5 * 60_000;
export const MAX_REPORT_DURATION_MS = 24 * 60 * 60_000;
