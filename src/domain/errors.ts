/** Every expected kind of failure. One table maps them to exit codes (cli), one to HTTP statuses (server). */
export type ErrorCode =
  | "usage" // invalid command, flag, file or value
  | "malformed" // an unreadable body, document or file
  | "invalid" // a field is missing or out of range
  | "duplicate-name"
  | "endpoint-check-failed" // the callback's URL did not answer the registration GET with 200
  | "address-refused" // an address that the public rules don't allow
  | "not-found"
  | "unauthenticated" // user, password or token missing or wrong
  | "forbidden" // API key missing or wrong
  | "config" // settings missing, unreadable or contradictory
  | "rate-limited"
  | "quota-exceeded" // the plan's daily limit
  | "too-large"
  | "unsupported-media-type"
  | "method-not-allowed"
  | "unavailable" // temporary: the service or its store can't do it now
  | "network" // no answer from the service
  | "items-failed" // finished, but some items failed or a check was exceeded
  | "interrupted";

export interface WhcbErrorOptions {
  /** What to do about it, in one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An expected failure, shown to the user. Anything else thrown is a bug. */
export class WhcbError extends Error {
  override readonly name = "WhcbError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: WhcbErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

export function isWhcbError(error: unknown, code?: ErrorCode): error is WhcbError {
  return error instanceof WhcbError && (code === undefined || error.code === code);
}

/** The code that Node and its libraries put on an error ("ENOENT", "ECONNRESET"), or "". */
export function systemErrorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
