/** How a request reaches a service: over HTTP, or a function in this process. */

/** No transport takes a longer answer in. A page of 500 calls with long contents is some hundred KiB. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface Transport {
  /** The service as a person would name it: its URL, or the file's path. */
  readonly name: string;
  /** The path that comes before every route, without a slash at its end; "" at most services. */
  readonly basePath: string;
  /**
   * One request, one answer, within one deadline. Throws `TransportFailure` when no whole answer came; rejects soon after
   * `signal` is aborted.
   */
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path and query, the base path included. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface TransportResponse {
  readonly status: number;
  /** Lower-case names; of a name that came more than once, the last value. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function isSuccess({ status }: Pick<TransportResponse, "status">): boolean {
  return status >= 200 && status < 300;
}

/** Headers as node:http and undici give them: of a name that came more than once, the last value. */
export function lastValues(headers: Readonly<Record<string, string | readonly string[] | undefined>>): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const last = typeof value === "object" ? value.at(-1) : value;
    if (last !== undefined) values[name.toLowerCase()] = last;
  }
  return values;
}
