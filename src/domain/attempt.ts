/** One request to an endpoint and what came of it. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly cause: AttemptCause;
  readonly result: DeliveryResult;
  /** user@host, if a client made it (`cause` replay). */
  readonly sentFrom?: string;
}

/** Why the attempt was made. A replay may have been sent by a client, which reported it. */
export type AttemptCause = "first" | "retry" | "probe" | "replay";

/** An endpoint that is down is a value, not an exception. */
export type DeliveryResult =
  | {
      readonly kind: "answered";
      readonly statusCode: number;
      readonly statusMessage: string;
      /** The first 1 KiB of the answer's body, as text. */
      readonly body: string;
      readonly resent?: true;
    }
  | {
      readonly kind: "unreachable";
      readonly reason: UnreachableReason;
      readonly detail: string;
      /** Sent again on a fresh connection, because the endpoint had closed the reused one. */
      readonly resent?: true;
    };

/** The kinds of error of docs/dispatcher.md, a call, 3. */
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
  "protocol", // bytes that are no HTTP answer
] as const;

/** Only an answer of exactly 200 is success. */
export function isAccepted(result: DeliveryResult): boolean {
  return result.kind === "answered" && result.statusCode === 200;
}

/** What a person reads of a result in one line: the status code's message, or what went wrong. */
export function resultMessage(result: DeliveryResult): string {
  return result.kind === "answered" ? result.statusMessage : `${result.reason}: ${result.detail}`;
}
