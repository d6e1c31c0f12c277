/**
 * A server that answers as the platform's published documents do, from the files in test/fixtures/platform. What the documents don't
 * describe it doesn't have: no names as ids, no route for one call, no filter but `status`, no outages, no replays.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type Edition, fillJson, fillXml, recordedJson, recordedXml, type Values } from "./recorded-answers.js";

export const PLATFORM_USER = { username: "ada", password: "correct horse", apiKey: "k-0123456789abcdef" };

export interface RecordedCallback {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly settings: RecordedSettings;
  readonly calls: RecordedCall[];
}

/** They have the form of a PUT's body. */
export interface RecordedSettings {
  readonly auth?: { readonly type: string; readonly key?: string };
  readonly contentType?: string;
  readonly removeHTML?: string;
  readonly retriesEnabled?: boolean | string;
  readonly email?: string;
  readonly callbacks?: { readonly reply?: string; readonly undeliverable?: string };
}

export interface RecordedCall {
  readonly number: number;
  status: "FAILED" | "SUCCESS";
}

export interface RecordedPlatformOptions {
  readonly edition: Edition;
  readonly callbacks: readonly RecordedCallback[];
  /** What happens to a query parameter that isn't documented. Default: ignore. */
  readonly unknownParameters?: "ignore" | "reject";
  /** More requests in any second get the answer of this file in errors/. */
  readonly perSecond?: { readonly requests: number; readonly answer: "over-second" | "over-second-mashery" };
}

export interface RecordedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly path: string;
  readonly limit: number | null;
  readonly body: string;
  readonly status: number;
}

export interface RecordedPlatform {
  readonly url: string;
  /** All requests so far. */
  readonly requests: readonly RecordedRequest[];
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Format = "json" | "xml";

const LIMITS = recordedJson("limits") as { readonly largestPage: number; readonly idsPerMark: number };
const LIST_PARAMETERS = new Set(["apikey", "limit", "offset", "sortOrder", "sortFields", "status"]);
const KEPT_PARAMETERS = new Set(["status", "sortOrder", "sortFields"]);
const AUTHORIZATION = `Basic ${Buffer.from(`${PLATFORM_USER.username}:${PLATFORM_USER.password}`).toString("base64")}`;

export async function openRecordedPlatform(options: RecordedPlatformOptions): Promise<RecordedPlatform> {
  const requests: RecordedRequest[] = [];
  const receivedAt: number[] = [];
  const platform = new PlatformState(options);
  const server = createServer(async (incoming, outgoing) => {
    const body = await readBody(incoming);
    const path = incoming.url ?? "/";
    const now = performance.now();
    const inLastSecond = receivedAt.filter((at) => now - at < 1_000).length;
    receivedAt.push(now);
    const limited = options.perSecond && inLastSecond >= options.perSecond.requests ? options.perSecond.answer : null;
    const answer = limited === null ? await platform.answer(incoming, body) : failure(limited);
    const limit = new URL(path, "http://platform.invalid").searchParams.get("limit");
    requests.push({
      method: incoming.method ?? "",
      path,
      limit: limit === null ? null : Number(limit),
      body,
      status: answer.status,
    });
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

class PlatformState {
  readonly #options: RecordedPlatformOptions;
  readonly #callbacks: RecordedCallback[];

  constructor(options: RecordedPlatformOptions) {
    this.#options = options;
    this.#callbacks = [...options.callbacks];
  }

  async answer({ method = "", url: path = "/", headers }: IncomingMessage, body: string): Promise<Answer> {
    const url = new URL(path, "http://platform.invalid");
    if ((headers["x-api-key"] ?? url.searchParams.get("apikey")) !== PLATFORM_USER.apiKey) return failure("wrong-key");
    if (headers.authorization !== AUTHORIZATION) return failure("wrong-password");
    const format = formatOf(headers.accept);
    const [, root, id, list, ...rest] = url.pathname.replace(/\/$/, "").split("/").map(decodeURIComponent);
    if (root === undefined) return { status: 200, headers: {}, body: "" };
    if (root !== "callbacks" || rest.length > 0) return failure("not-found");
    if (format === null) return failure("unsupported-media-type");
    if (id === undefined) return method === "POST" ? this.#create(body) : this.#listCallbacks(url, format);
    const callback = this.#callbacks.find((one) => one.id === id);
    if (callback === undefined) return failure("not-found");
    if (list === undefined) return this.#one(callback, method, body);
    if (list !== "calls") return failure("not-found");
    if (method === "PUT") return this.#mark(callback, url, body);
    return method === "GET" ? this.#listCalls(callback, url, format) : failure("method-not-allowed");
  }

  /** The URL must answer a GET with 200. */
  async #create(body: string): Promise<Answer> {
    const { name, url, ...settings } = JSON.parse(body);
    if (this.#callbacks.some((one) => one.name === name)) return failure("malformed", "the name exists");
    const checked = await fetch(url).then(
      ({ status }) => status,
      () => 0,
    );
    if (checked !== 200) return failure("malformed", `the url answered ${checked}`);
    const callback = { id: callbackId(this.#callbacks.length + 100), name, url, settings, calls: [] };
    this.#callbacks.push(callback);
    return json(201, this.#callbackJson(callback), { location: `https://api.au.whispir.com/callbacks/${callback.id}` });
  }

  #one(callback: RecordedCallback, method: string, body: string): Answer {
    if (method === "GET") return json(200, this.#callbackJson(callback));
    const index = this.#callbacks.indexOf(callback);
    if (method === "DELETE") this.#callbacks.splice(index, 1);
    else if (method === "PUT") {
      const { name = callback.name, url = callback.url, ...settings } = JSON.parse(body);
      // Everything that the body doesn't contain is lost.
      this.#callbacks[index] = { ...callback, name, url, settings };
    } else return failure("method-not-allowed");
    return { status: 204, headers: {}, body: "" };
  }

  /** Its members are in the documents' order. Those that were never set are missing. */
  #callbackJson({ id, name, url, settings }: RecordedCallback): unknown {
    const { auth, callbacks = {}, retriesEnabled, ...plain } = settings;
    const retries = { retries: String(retriesEnabled) === "true", retriesText: String(retriesEnabled) };
    const [authType, authKey] = [auth?.type ?? "", auth?.key ?? ""];
    const values = { contentType: "", removeHTML: "", email: "", reply: "", undeliverable: "", ...plain, ...callbacks };
    const template = recordedJson(`${this.#options.edition}/callback`);
    const filled = fillJson(template, { ...values, ...retries, id, name, url, authType, authKey });
    const isSet = (member: string) => ["id", "name", "url", "link"].includes(member) || member in settings;
    return Object.fromEntries(Object.entries(filled ?? {}).filter(([member]) => isSet(member)));
  }

  #listCallbacks(url: URL, format: Format): Answer {
    const { edition } = this.#options;
    const valuesOf = ({ id, name, url: target, settings }: RecordedCallback) => ({
      id,
      name,
      url: target,
      retries: String(settings.retriesEnabled) === "true",
    });
    return this.#page({ name: "callbacks", url, format, all: this.#callbacks, valuesOf, template: `${edition}/callback-item` });
  }

  #listCalls(callback: RecordedCallback, url: URL, format: Format): Answer {
    const status = url.searchParams.get("status");
    const calls = callback.calls.filter((call) => status === null || call.status === status);
    const isOldestFirst = url.searchParams.get("sortOrder") === "asc";
    const all = isOldestFirst ? calls.reverse() : calls;
    const valuesOf = (call: RecordedCall) => callValues(call, callback);
    return this.#page({ name: "calls", url, format, all, valuesOf, template: `${this.#options.edition}/call` });
  }

  #page<Item>(list: {
    readonly name: "callbacks" | "calls";
    readonly url: URL;
    readonly format: Format;
    readonly all: readonly Item[];
    readonly valuesOf: (item: Item) => Values;
    readonly template: string;
  }): Answer {
    const { name, url, format, all, valuesOf, template } = list;
    const unknown = [...url.searchParams.keys()].filter((parameter) => !LIST_PARAMETERS.has(parameter));
    if (this.#options.unknownParameters === "reject" && unknown.length > 0) return failure("unprocessable", unknown.join());
    const limit = Number(url.searchParams.get("limit") ?? LIMITS.largestPage);
    if (!(limit >= 1 && limit <= LIMITS.largestPage)) return failure("unprocessable", "limit");
    const offset = Number(url.searchParams.get("offset") ?? 0);
    const shown = all.slice(offset, offset + limit).map(valuesOf);
    if (shown.length === 0 && format === "json") return json(200, recordedJson("no-records"));
    const status = shown.length === 0 ? "No records found" : `${offset + 1} to ${offset + shown.length} of ${all.length}`;
    const hasNext = offset + limit < all.length;
    const kept = [...url.searchParams]
      .filter(([parameter]) => KEPT_PARAMETERS.has(parameter))
      .map((pair) => `${pair.join("=")}&`);
    const nextValues = { path: url.pathname, query: kept.join(""), limit, offset: offset + limit };
    if (format === "xml") {
      const items = shown.map((item) => fillXml(recordedXml(template.replace("openapi", "guide")), item)).join("");
      const body = name === "callbacks" ? `<ns2:callbacks>${items}</ns2:callbacks>` : items;
      const next = hasNext ? fillXml(recordedXml("guide/next-link"), nextValues) : "";
      const frame = fillXml(recordedXml("guide/list").replace("{{items}}", ""), { listStatus: status });
      const text = frame.replace("</ns2:return>", () => `${body}${next}</ns2:return>`);
      return { status: 200, headers: { "content-type": `application/vnd.whispir.${mediaOf(name)}-v1+xml` }, body: text };
    }
    const link = hasNext ? [fillJson(recordedJson(`${this.#options.edition}/next-link`), nextValues)] : [];
    const items = shown.map((item) => fillJson(recordedJson(template), item));
    return json(200, { status, [name]: items, link }, { "content-type": `application/vnd.whispir.${mediaOf(name)}-v1+json` });
  }

  /** Marks all calls of `?id=A&id=B`, or none. */
  #mark(callback: RecordedCallback, url: URL, body: string): Answer {
    const ids = url.searchParams.getAll("id");
    if (ids.length === 0 || ids.length > LIMITS.idsPerMark) return failure("unprocessable", "id");
    const { status, ...unknown } = JSON.parse(body);
    if (status !== "SUCCESS" && status !== "FAILED") return failure("unprocessable", "status");
    if (this.#options.unknownParameters === "reject" && Object.keys(unknown).length > 0) return failure("unprocessable");
    const byId = new Map(callback.calls.map((call) => [callIds(call.number)[this.#options.edition], call]));
    const calls = ids.map((id) => byId.get(id));
    if (calls.includes(undefined)) return failure("not-found");
    for (const call of calls) if (call) call.status = status;
    return { status: 204, headers: {}, body: "" };
  }
}

const mediaOf = (list: "callbacks" | "calls") => (list === "calls" ? "api-call" : "api-callback");

/** The platform takes only its own formats, and answers with XML without an Accept. */
function formatOf(accept: string | undefined): Format | null {
  if (accept === undefined || accept === "*/*") return "xml";
  const known = /application\/(?:vnd\.whispir\.api-call(?:back)?-v1\+)?(json|xml)/.exec(accept);
  return known?.[1] === "json" || known?.[1] === "xml" ? known[1] : null;
}

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

function failure(name: string, detail = ""): Answer {
  const { status, headers, body } = fillJson(recordedJson(`errors/${name}`), { detail }) as Omit<Answer, "body"> & {
    body: unknown;
  };
  return { status, headers, body: typeof body === "string" ? body : JSON.stringify(body) };
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Makes calls that are all FAILED with 500, a minute apart, the newest first. */
export function recordedCalls(count: number): RecordedCall[] {
  return Array.from({ length: count }, (_, number) => ({ number, status: "FAILED" as const }));
}

/** The guide's ids have 16 hex digits, the schema's 32. */
export function callIds(number: number): Readonly<Record<Edition, string>> {
  return { guide: hex(number, 16), openapi: hex(number, 32) };
}

export function callbackId(number: number): string {
  return hex(1_000 + number, 16);
}

/** Well mixed, so that neither the order nor a time can be read from it. */
function hex(number: number, digits: number): string {
  const mixed = (Math.imul(number + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  return `${mixed}${number.toString(16).padStart(digits - 8, "0")}`.toUpperCase();
}

const NEWEST_AT = Date.UTC(2026, 10, 24, 9, 31);

function callValues({ number, status }: RecordedCall, callback: RecordedCallback): Values {
  const attemptedAt = new Date(NEWEST_AT - number * 60_000);
  return {
    id16: callIds(number).guide,
    id32: callIds(number).openapi,
    messageId20: hex(number, 20),
    messageId32: hex(500_000 + number, 32),
    status,
    fromName: "Ada Byron",
    fromMri: "Ada_Byron.1.Test@Contact.whispir.com",
    fromMobile: `6140000${String(number % 7).padStart(4, "0")}`,
    fromEmail: "ada@example.com",
    acknowledgedShort: shortDate(attemptedAt),
    content: `Reply ${number}`,
    callbackId: callback.id,
    callbackName: callback.name,
    callbackUrl: callback.url,
    attemptedShort: shortDate(attemptedAt),
    attemptedIso: attemptedAt.toISOString(),
    statusCode: status === "SUCCESS" ? 200 : 500,
    statusCodeText: status === "SUCCESS" ? "200" : "500",
    statusMessage: status === "SUCCESS" ? "OK" : "Internal Server Error",
  };
}

/** Formats a date as dd/MM/yy HH:mm. */
function shortDate(at: Date): string {
  const [date = "", time = ""] = at.toISOString().split("T");
  return `${date.slice(2).split("-").reverse().join("/")} ${time.slice(0, 5)}`;
}
