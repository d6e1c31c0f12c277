/** How a request reaches a service: over HTTP, or through a function in this process. */

/** A page of 500 calls with long contents is some hundred KiB. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface Transport {
  /** For messages: the service's URL, or the file's path. */
  readonly name: string;
  /** Prefix of every route, without a trailing slash; usually "". */
  readonly basePath: string;
  /** Sends one request with one deadline. Throws `TransportFailure` if no complete answer came. */
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path and query, base path included. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface TransportResponse {
  readonly status: number;
  /** Lower-case names; the last value of a repeated header. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function isSuccess({ status }: Pick<TransportResponse, "status">): boolean {
  return status >= 200 && status < 300;
}

/** Headers as node:http, undici and fastify give them -> those of a TransportResponse. */
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

export type TransportFailureReason = "refused" | "dns" | "tls" | "timeout" | "cut" | "too-large" | "unreachable";

/** After `refused`, `dns` and `tls` the service has done nothing; after the others it may have executed the request. */
export class TransportFailure extends Error {
  override readonly name = "TransportFailure";
  readonly reason: TransportFailureReason;

  constructor(reason: TransportFailureReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
