import type { JsonLimits } from "../wire/json/read-json.js";

/** A page of `whcb serve` has at most 40 MiB: one call that was submitted as XML, most of it quotes. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** A page of `whcb serve` has at most 2 500 000 values, in 500 calls with short ones, and 104 levels. */
export const ANSWER_LIMITS: JsonLimits = { values: 3_000_000, levels: 128 };

/** The time counts to the last byte of the answer. `whcb serve` doesn't execute later what changes something. */
export const REQUEST_TIME_LIMIT_MS = 60_000;

export interface Transport {
  readonly name: string;
  /** `basePath` has no trailing slash, and is usually "". */
  readonly basePath: string;
  /** Throws `TransportFailure` if no complete answer came. */
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `path` has the base path and the query. */
  readonly path: string;
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** The default is the transport's. */
  readonly timeLimitMs?: number | undefined;
  /** The request fails once it is aborted. */
  readonly giveUp?: AbortSignal | undefined;
}

export interface TransportResponse {
  readonly status: number;
  /** Names are in lower case. A repeated one has its last value. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** If it isn't, letters of the body are lost. */
  readonly isUtf8?: boolean;
}

export function isSuccess({ status }: { readonly status: number }): boolean {
  return status >= 200 && status < 300;
}

export function lastHeaderValues(
  headers: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const last = typeof value === "object" ? value.at(-1) : value;
    if (last !== undefined) values[name.toLowerCase()] = String(last);
  }
  return values;
}

export type TransportFailureReason = "refused" | "dns" | "tls" | "timeout" | "cut" | "too-large" | "unreachable" | "upgrade";

/** After `refused`, `dns` and `tls` nothing was done; after the others the request may have been executed. */
export class TransportFailure extends Error {
  override readonly name = "TransportFailure";
  readonly reason: TransportFailureReason;

  constructor(reason: TransportFailureReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
