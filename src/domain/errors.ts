/** One table maps these to exit codes (cli), another one to HTTP statuses (server). */
export type ErrorCode =
  | "usage"
  | "malformed" // unreadable body, document or file
  | "invalid" // field missing or out of range
  | "duplicate-name"
  | "endpoint-check-failed" // registration GET not answered with 200
  | "address-refused" // not allowed by the public rules
  | "not-found"
  | "unauthenticated" // user, password or token
  | "forbidden" // API key
  | "config" // missing, unreadable or contradictory
  | "rate-limited"
  | "quota-exceeded" // daily limit of the plan
  | "too-large"
  | "unsupported-media-type"
  | "method-not-allowed"
  | "unavailable" // temporary
  | "network" // no answer from the service
  | "locked" // another run sends the calls of the callback
  | "items-failed" // some items failed or a check was exceeded
  | "too-late" // its client no longer waits for the request
  | "other-database" // its client has read another database
  | "interrupted";

/** A command that helps. `when` says in which case, such as "to give it up"; it is "" if it helps as things are. */
export interface NextStep {
  readonly command: string;
  readonly when: string;
}

export interface WhcbErrorOptions extends Advice {
  /** The pause that a service asked for. */
  readonly retryAfterMs?: number | null;
  /** What is wrong with each field of a document, by its path ("auth.key"). */
  readonly fields?: ReadonlyMap<string, string>;
  readonly cause?: unknown;
}

export interface Advice {
  /** Says in one sentence what to do. */
  readonly hint?: string;
  /** Programs get the commands of the hint from here. */
  readonly next?: readonly NextStep[];
}

/** Builds a hint from text and commands: advise`${{ command, when: "to finish it" }} finishes it`. */
export function advise(parts: TemplateStringsArray, ...values: readonly (string | NextStep)[]): Advice {
  const texts = values.map((value) => (typeof value === "string" ? value : `\`${value.command}\``));
  return { hint: String.raw({ raw: parts }, ...texts), next: values.filter((value) => typeof value !== "string") };
}

/** An expected failure. Anything else thrown is a bug. */
export class WhcbError extends Error {
  override readonly name = "WhcbError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly next: readonly NextStep[];
  readonly retryAfterMs: number | null;
  readonly fields: ReadonlyMap<string, string>;

  constructor(code: ErrorCode, message: string, options: WhcbErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.next = options.next ?? [];
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.fields = options.fields ?? new Map();
  }
}

export function isWhcbError(error: unknown, code?: ErrorCode): error is WhcbError {
  return error instanceof WhcbError && (code === undefined || error.code === code);
}

/** Returns a code like "ENOENT", or "" if there is none. */
export function systemErrorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
