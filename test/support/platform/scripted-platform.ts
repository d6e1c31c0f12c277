/**
 * A callbacks service that knows what the platform knows and no more: ids and no names, `status` and no other filter, pages of 20 by
 * offset, no path of a single call, a limit of requests in any second. Written from docs/contract.md, not from `whcb serve`.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { Transport, TransportRequest, TransportResponse } from "../../../src/client/transport.js";
import type { Clock } from "../../../src/platform/clock.js";

export interface PlatformCall {
  readonly id: string;
  /** PENDING calls are listed if asked for. */
  status: "FAILED" | "SUCCESS" | "PENDING";
  /** Fields beside id and status, as the platform writes them. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface PlatformCallback {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  /** It is null if the service doesn't return it. */
  readonly key: string | null;
  /** What a GET by id returns beside id, name and url. The default is every setting, with the key as above. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly calls: PlatformCall[];
}

export interface PlatformOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly callbacks: readonly PlatformCallback[];
  readonly pageSize?: number;
  /** Requests in any second; more get 403 with the code. */
  readonly perSecond?: number;
  readonly perDay?: number;
  readonly retriesEnabled?: boolean;
  /** Lists say "1 to 20 of 45+". */
  readonly isTotalOpen?: boolean;
  /** Called after each page of calls, with the number of such pages so far. */
  readonly onPage?: (pages: number) => void;
  /** The answer to a list whose query has one of these parameters. */
  readonly rejected?: { readonly parameters: readonly string[]; readonly answer: Pick<TransportResponse, "status" | "body"> };
  /** Answers a request instead of the platform; null: the platform does. */
  readonly instead?: (
    request: TransportRequest,
  ) => (Pick<TransportResponse, "status" | "body"> & Partial<TransportResponse>) | null;
  /** Over a socket: what happens after a request has come and before it is answered. */
  readonly onArrival?: (request: TransportRequest) => Promise<void>;
}

export interface ScriptedPlatform {
  /** Every request, in order, with the instant of the clock. */
  readonly requests: (TransportRequest & { readonly atMs: number })[];
  answer(request: TransportRequest): TransportResponse;
  /** Makes lists ignore `status` from now on, as some services ignore a filter that they don't know. */
  ignoreFilters(): void;
  transport(): Transport;
  /** Listens on a real socket, on loopback. */
  listen(encoding?: BufferEncoding): Promise<{ readonly url: string; close(): Promise<void> }>;
}

const JSON_HEADERS = { "content-type": "application/json" };

export function scriptedPlatform(options: PlatformOptions): ScriptedPlatform {
  const { clock, callbacks, pageSize = 20, perSecond = Number.POSITIVE_INFINITY, perDay = Number.POSITIVE_INFINITY } = options;
  const requests: (TransportRequest & { readonly atMs: number })[] = [];

  let ignoresFilters = false;
  let pages = 0;
  const say = (status: number, body: unknown, headers: Record<string, string> = {}): TransportResponse => {
    return { status, headers: { ...JSON_HEADERS, ...headers }, body: body === null ? "" : JSON.stringify(body) };
  };
  const refuse = (status: number, detail: string): TransportResponse =>
    say(status, { errorSummary: "No", errorText: "No", errorDetail: detail });
  const over = (code: string): TransportResponse =>
    say(403, { errorSummary: "Forbidden", errorText: "Forbidden", errorDetail: code }, { "x-error-code": code });

  function answer(request: TransportRequest): TransportResponse {
    const atMs = clock.monotonicMs();
    const inLastSecond = requests.filter((earlier) => atMs - earlier.atMs < 1_000).length;
    requests.push({ ...request, atMs });
    if (requests.length > perDay) return over("ERR_403_DEVELOPER_OVER_QPD");
    if (inLastSecond >= perSecond) return over("ERR_403_DEVELOPER_OVER_QPS");
    if (!request.headers.accept?.includes("json")) return { status: 200, headers: {}, body: "<xml/>" };
    const instead = options.instead?.(request) ?? null;
    if (instead !== null) return { headers: JSON_HEADERS, ...instead };
    const url = new URL(request.path, "http://platform.invalid");
    const [, root, id, list, ...rest] = url.pathname.split("/").map(decodeURIComponent);
    if (root !== "callbacks" || rest.length > 0) return refuse(404, "no such resource");
    if (id === undefined && request.method === "POST") return create(request.body ?? "");
    if (id === undefined) return page("callbacks", callbacks.map(asListItem), url);
    const callback = callbacks.find((one) => one.id === id);
    if (callback === undefined) return refuse(404, "no such callback");
    if (list === undefined) return request.method === "GET" ? say(200, asJson(callback)) : say(204, null);
    if (list !== "calls") return refuse(404, "no such resource");
    return request.method === "PUT" ? mark(callback, url, request.body ?? "") : listCalls(callback, url);
  }

  /** Its answer lacks some of the settings. */
  function create(body: string): TransportResponse {
    const { name, url } = JSON.parse(body);
    const uri = "https://api.au.whispir.com/callbacks/00112233445566FF?apikey=[API_KEY]";
    return say(201, { id: "00112233445566FF", name, url, link: [{ uri, rel: "self", method: "GET" }] }, { location: uri });
  }

  function asListItem({ id, name, url }: PlatformCallback): unknown {
    const uri = `https://api.au.whispir.com/callbacks/${id}?apikey=[API_KEY]`;
    return { id, name, url, link: [{ uri, rel: "self", method: "GET" }] };
  }

  function asJson({ id, name, url, key, settings }: PlatformCallback): unknown {
    if (settings !== undefined) return { id, name, url, ...settings };
    const auth = key === null ? { type: "httpheader" } : { type: "httpheader", key };
    const events = { reply: "enabled", undeliverable: "enabled" };
    const retriesEnabled = String(options.retriesEnabled ?? false);
    return {
      id,
      name,
      url,
      auth,
      contentType: "json",
      removeHTML: "disabled",
      retriesEnabled,
      email: "a@b.c",
      callbacks: events,
    };
  }

  function listCalls(callback: PlatformCallback, url: URL): TransportResponse {
    const status = ignoresFilters ? null : url.searchParams.get("status");
    const meant = callback.calls.filter(
      (call) => call.status === (status ?? call.status) && (status !== null || call.status !== "PENDING"),
    );
    const { rejected } = options;
    if (rejected?.parameters.some((name) => url.searchParams.has(name))) return { headers: {}, ...rejected.answer };
    const listed = page(
      "calls",
      meant.map((call) => ({ id: call.id, status: call.status, ...call.fields })),
      url,
    );
    options.onPage?.(++pages);
    return listed;
  }

  function page(name: string, all: readonly unknown[], url: URL): TransportResponse {
    const offset = Number(url.searchParams.get("offset") ?? 0);
    const size = Number(url.searchParams.get("limit") ?? 20);
    if (size > pageSize) return refuse(422, `limit must be at most ${pageSize}`);
    const items = all.slice(offset, offset + size);
    if (items.length === 0) return say(200, { status: "No records found" });
    const next = new URL(url);
    next.searchParams.set("offset", String(offset + size));
    const link = offset + size < all.length ? [{ uri: next.pathname + next.search, rel: "next", method: "GET" }] : [];
    return say(200, {
      status: `${offset + 1} to ${offset + items.length} of ${all.length}${options.isTotalOpen ? "+" : ""}`,
      [name]: items,
      link,
    });
  }

  function mark(callback: PlatformCallback, url: URL, body: string): TransportResponse {
    const ids = url.searchParams.getAll("id");
    if (ids.length > 100) return refuse(422, "at most 100 ids");
    const { status } = JSON.parse(body);
    const calls = ids.map((id) => callback.calls.find((call) => call.id === id));
    if (calls.includes(undefined)) return refuse(404, "one of them isn't a call of this callback");
    for (const call of calls) if (call) call.status = status;
    return say(204, null);
  }

  return {
    requests,
    answer,
    ignoreFilters() {
      ignoresFilters = true;
    },
    transport: () => ({
      name: "https://api.platform.invalid",
      basePath: "",
      send: async (request) => answer(request),
      close: async () => undefined,
    }),
    async listen(encoding = "utf8") {
      const server = createServer(async (incoming, outgoing) => {
        const request = await readRequest(incoming);
        await options.onArrival?.(request);
        const { status, headers, body } = answer(request);
        outgoing.writeHead(status, headers).end(body, encoding);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("The server has no port.");
      return {
        url: `http://127.0.0.1:${address.port}`,
        async close() {
          server.closeAllConnections();
          server.close();
          await once(server, "close");
        },
      };
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<TransportRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  const method =
    incoming.method === "PUT" || incoming.method === "POST" || incoming.method === "DELETE" ? incoming.method : "GET";
  return { method, path: incoming.url ?? "/", headers, body: Buffer.concat(chunks).toString("utf8") || null };
}

/** So many FAILED calls, newest first as the platform lists them; random ids, as its ids are. */
export function platformCalls(
  count: number,
  over: (index: number) => Readonly<Record<string, unknown>> = () => ({}),
): PlatformCall[] {
  return Array.from({ length: count }, (_, index) => ({
    id: platformId(index),
    status: "FAILED" as const,
    fields: {
      messageId: platformId(100_000 + index),
      messageLocation: `https://api.au.whispir.com/messages/${platformId(100_000 + index)}`,
      from: { name: "Ada", mri: "", mobile: `6140000${String(index % 7).padStart(4, "0")}`, email: "", voice: "" },
      responseMessage: { channel: "sms", acknowledged: "24/11/26 09:30", content: `Reply ${index}` },
      callback: { attemptedDate: "24/11/26 09:31", statusCode: "503", statusMessage: "Service Unavailable" },
      ...over(index),
    },
  }));
}

/** Makes ids of 32 well mixed hex digits, none of which looks like a time. */
export function platformId(index: number): string {
  const mixed = (Math.imul(index + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  return `${mixed}0000${index.toString(16).padStart(20, "0")}`.toUpperCase();
}
