/** Requests have credentials and media types, and answers are JSON (docs/contract.md). */
import { errorMessage, WhcbError } from "../domain/errors.js";
import { type SecretMask, secretsOf } from "../domain/mask.js";
import type { Clock } from "../platform/clock.js";
import { type DeliverySettings, readDeliverySettings } from "../wire/delivery-settings.js";
import { readJson } from "../wire/json/read-json.js";
import { Capabilities, DEFAULT_PAGE, type Feature, isUnknownRoute, LARGEST_PAGE } from "./capabilities.js";
import type { RepeatCheck, Requester } from "./requester.js";
import { isServices, serviceError, toOneLine } from "./service-error.js";
import { ANSWER_LIMITS, isSuccess, type Transport, type TransportRequest, type TransportResponse } from "./transport.js";

export interface ServiceCredentials {
  readonly apiKey: string;
  readonly username: string;
  readonly password: string;
}

export interface ApiRequest {
  readonly method: TransportRequest["method"];
  /** `path` includes the query, and not the base path. */
  readonly path: string;
  readonly noun: "callback" | "call";
  readonly body?: unknown;
  /** The default is true for GET and PUT. A repeated DELETE gets a 404. */
  readonly isRepeatable?: boolean;
  readonly isWanted?: RepeatCheck | undefined;
}

/** The database that is meant, if that is known before the service says which one it has (docs/contract.md, X-Database-Id). */
export interface OwnDatabase {
  readonly id: string;
  /** Makes the error for a request that would change something. The other one's id is null if it isn't known. */
  readonly otherError: (otherId: string | null) => WhcbError;
  /** Called once, when another one is read. */
  readonly onOther: (otherId: string) => void;
}

export type ServiceApi = ReturnType<typeof createServiceApi>;

const MEDIA_TYPES = {
  callback: "application/vnd.whispir.api-callback-v1+json",
  call: "application/vnd.whispir.api-call-v1+json",
} as const;

/** The header `Date` has whole seconds, and an answer takes a while. */
const CLOCKS_APART_MS = 60_000;
/** Clocks that are set over the network are closer. */
const EXACT_CLOCKS_APART_MS = 1_000;
/** A date a century away is no clock's. */
const CENTURY_MS = 36_525 * 86_400_000;

export interface ServiceApiDeps {
  readonly requester: Requester;
  readonly transport: Pick<Transport, "name" | "basePath">;
  /** `credentials` is null for a database in this process, whose file permissions protect the data. */
  readonly credentials: ServiceCredentials | null;
  readonly mask: SecretMask;
  readonly clock: Clock;
  readonly ownDatabase?: OwnDatabase | undefined;
}

export function createServiceApi({ requester, transport, credentials, mask, clock, ownDatabase }: ServiceApiDeps) {
  const { name, basePath } = transport;
  const capabilities = new Capabilities();
  let deliverySettings: Partial<DeliverySettings> | null = null;
  let databaseId: string | null = null;
  let serviceAheadMs = 0;
  const identity = credentials === null ? {} : credentialHeaders(credentials);

  const errorOf = (answer: TransportResponse): WhcbError => serviceError(answer, { name, mask });

  /** The path includes the base path. */
  async function send({ method, path, noun, body, isRepeatable, isWanted }: ApiRequest): Promise<TransportResponse> {
    // Without Accept the platform answers XML.
    const headers: Record<string, string> = { ...identity, accept: MEDIA_TYPES[noun] };
    // The platform requires it even of a DELETE, which has no body.
    if (body !== undefined || method === "DELETE") headers["content-type"] = MEDIA_TYPES[noun];
    // What was read from one database must not be changed on another one, as behind a forwarded port that leads elsewhere by now.
    const expectedId = method === "GET" ? undefined : (databaseId ?? ownDatabase?.id);
    if (expectedId !== undefined) headers["x-database-id"] = expectedId;
    if (method !== "GET") requireOwnDatabase();
    const text = body === undefined ? null : JSON.stringify(body);
    const request = { method, path, headers, body: text };
    const answer = await requester.send(request, isRepeatable ?? (method === "GET" || method === "PUT"), isWanted);
    if (answer.status === 421 && databaseId === null && expectedId !== undefined && answer.body.includes("X-Database-Id"))
      throw ownDatabase?.otherError(null) ?? errorOf(answer);
    if (method !== "GET" && isSuccess(answer)) requireService(answer);
    capabilities.readAnswer(answer);
    const told = { authParameter: answer.headers["x-auth-parameter"], bodyNames: answer.headers["x-body-names"] };
    if (noun === "callback") deliverySettings = { ...deliverySettings, ...readDeliverySettings(told) };
    if (noun === "callback" && isSuccess(answer)) noteDatabase(answer.headers["x-database-id"]);
    compareClocks(answer);
    return answer;
  }

  /** The difference is kept while the clocks agree with it, so that a report that is repeated has the same dates. */
  function compareClocks({ headers }: TransportResponse): void {
    const now = clock.now();
    const date = Date.parse(headers.date ?? "");
    const exact = headers["x-service-time"] === undefined ? null : requester.serviceTimeRange();
    const toleranceMs = exact === null ? CLOCKS_APART_MS : EXACT_CLOCKS_APART_MS;
    const [earliest, latest] = exact ?? [date, date];
    const aheadMs = Math.round((earliest + latest) / 2) - now;
    const agrees = now + serviceAheadMs >= earliest - toleranceMs && now + serviceAheadMs <= latest + toleranceMs;
    if (!agrees && Math.abs(aheadMs) < CENTURY_MS) serviceAheadMs = aheadMs;
  }

  /** A service that has said its time says it with each answer. */
  function requireService({ status, headers }: TransportResponse): void {
    if (requester.serviceNow() === null || headers["x-service-time"] !== undefined) return;
    throw new WhcbError("unavailable", `${name}: something between here and the service answered ${status} in its place`, {
      hint: "nothing may have been done: look at the gateway, and try again",
    });
  }

  /** Throws the error of `ownDatabase` if another one is known to be there. */
  function requireOwnDatabase(): void {
    if (databaseId !== null && ownDatabase !== undefined && databaseId !== ownDatabase.id)
      throw ownDatabase.otherError(databaseId);
  }

  /** Throws `unavailable` if another database has answered before. */
  function noteDatabase(id: string | undefined): void {
    if (id !== undefined && databaseId !== null && id !== databaseId) {
      throw new WhcbError("unavailable", `another database answers at ${name} now, so nothing more is marked or sent`, {
        hint: "List its calls again.",
      });
    }
    if (id !== undefined && databaseId === null && ownDatabase !== undefined && id !== ownDatabase.id) ownDatabase.onOther(id);
    databaseId ??= id ?? null;
  }

  /** Returns answers of any status. */
  const exchange = (request: ApiRequest): Promise<TransportResponse> => send({ ...request, path: basePath + request.path });

  function documentOf(answer: TransportResponse): unknown {
    if (answer.isUtf8 === false) {
      throw new WhcbError("unavailable", `${name}: the answer isn't UTF-8`, {
        hint: "JSON is UTF-8: set the service, or the gateway before it, to answer in it",
      });
    }
    try {
      return readJson(answer.body, "answer", ANSWER_LIMITS);
    } catch (error) {
      throw new WhcbError("unavailable", `${name}: ${errorMessage(error)}`, {
        hint: "Is the profile's URL that of a callbacks service?",
        cause: error,
      });
    }
  }

  function requireSuccess(answer: TransportResponse): TransportResponse {
    if (!isSuccess(answer)) throw errorOf(answer);
    return answer;
  }

  async function expectSuccess(request: ApiRequest): Promise<TransportResponse> {
    return requireSuccess(await exchange(request));
  }

  /** Returns null if the service has no such route, or what it is about was deleted. A gateway's page says neither of `whcb serve`. */
  async function exchangeIfKnown(request: ApiRequest): Promise<TransportResponse | null> {
    const answer = await exchange(request);
    const isLacking = isUnknownRoute(answer) && (!capabilities.has("exact-lists") || isServices(answer));
    return isLacking ? null : requireSuccess(answer);
  }

  /** Returns null if the service lacks the feature, which this finds out. */
  async function exchangeFeature(feature: Feature, request: ApiRequest): Promise<TransportResponse | null> {
    if (capabilities.lacks(feature)) return null;
    const answer = await exchange(request);
    return capabilities.isMissing(feature, answer) ? null : requireSuccess(answer);
  }

  /** `fullPath` includes the base path. Throws `unavailable` if the answer isn't JSON in UTF-8 within the limits. */
  async function getDocument(fullPath: string, noun: ApiRequest["noun"]): Promise<unknown> {
    return documentOf(requireSuccess(await send({ method: "GET", path: fullPath, noun })));
  }

  /** Adds the largest accepted `limit`, at most `wanted` (docs/contract.md, X-Max-Limit). */
  function withPageLimit(path: string, wanted = LARGEST_PAGE): string {
    const [route = "", query = ""] = path.split("?");
    const parameters = new URLSearchParams(query);
    const limit = Math.max(1, Math.min(wanted, capabilities.rowsPerPage));
    if (parameters.has("limit") && limit <= DEFAULT_PAGE) return path;
    parameters.set("limit", String(limit));
    return `${route}?${parameters}`;
  }

  /**
   * Converts an instant of our clock to the service's, as its answers so far tell. Clocks that differ by no more than what an answer can
   * tell count as the same. An instant after now is from before our clock was set back.
   */
  function toServiceClock(instant: number): number {
    return Math.min(instant, clock.now()) + serviceAheadMs;
  }

  /** Returns the beginning of an answer's text, in one line and without secrets. */
  function quote(text: string): string {
    return toOneLine(text, mask);
  }

  return {
    name,
    basePath,
    capabilities,
    /** The names of the callbacks that were read, by id. */
    callbackNames: new Map<string, string>(),
    exchange,
    exchangeIfKnown,
    exchangeFeature,
    expectSuccess,
    getDocument,
    /** Returns what the callbacks read so far say, and null if none were read. */
    deliverySettings: () => deliverySettings,
    /** Returns the database of the callbacks that were read (docs/contract.md, X-Database-Id), or null if the service doesn't say. */
    databaseId: () => databaseId,
    requireOwnDatabase,
    withPageLimit,
    toServiceClock,
    documentOf,
    errorOf,
    quote,
  };
}

function credentialHeaders(credentials: ServiceCredentials): Record<string, string> {
  return { "x-api-key": credentials.apiKey, authorization: `Basic ${loginOf(credentials)}` };
}

export function credentialSecrets(credentials: ServiceCredentials | null): readonly string[] {
  if (credentials === null) return [];
  return [credentials.apiKey, ...secretsOf({ type: "basicauth", key: loginOf(credentials) })];
}

function loginOf({ username, password }: ServiceCredentials): string {
  return Buffer.from(`${username}:${password}`, "utf8").toString("base64");
}
