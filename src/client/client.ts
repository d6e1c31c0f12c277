import { secretMask } from "../domain/mask.js";
import { createPacer } from "../platform/pacer.js";
import { idInUrl } from "../wire/bulk-ids.js";
import { readDate, toIsoDate } from "../wire/dates.js";
import type { DeliverySettings } from "../wire/delivery-settings.js";
import { type ListedAuditEntry, readAuditList } from "../wire/json/audit-json.js";
import { objectOf, textOf, withoutUndefined } from "../wire/json/json-value.js";
import type { ListPage } from "../wire/json/list-json.js";
import { type ListedOutage, readOutageList } from "../wire/json/outage-json.js";
import { type CallReading, callRequests } from "./call-requests.js";
import { callbackRequests } from "./callback-requests.js";
import type { Feature } from "./capabilities.js";
import { groupRequests } from "./group-requests.js";
import { readWholeList, walkList } from "./list-walker.js";
import { createRequester, type RequesterOptions } from "./requester.js";
import { runRequests } from "./run-requests.js";
import {
  createServiceApi,
  credentialSecrets,
  type OwnDatabase,
  type ServiceApi,
  type ServiceCredentials,
} from "./service-api.js";
import { type CallState, singleCalls } from "./single-calls.js";
import type { Transport } from "./transport.js";

export type { ListedAttempt, ListedCall } from "../wire/json/call-json.js";
export type { ListedCallback } from "../wire/json/callback-json.js";
export type { CallState, ListedAuditEntry, ListedOutage };

/** A `Client` is of the platform, of `whcb serve`, or of a database file in this process. */
export type Client = ReturnType<typeof createClient>;

export interface ClientOptions extends CallReading, RequesterOptions {
  /** `credentials` is null for a database in this process, whose file permissions protect the data. */
  readonly credentials: ServiceCredentials | null;
  /** So many requests are sent in any second. It is null without a limit. */
  readonly rate: number | null;
  /** It is known if the profile has it. */
  readonly ownDatabase?: OwnDatabase | undefined;
}

/** Closing the client closes the transport. */
export function createClient(transport: Transport, options: ClientOptions) {
  const { clock, credentials, timezone, ownDatabase } = options;
  const sent = [...credentialSecrets(credentials)];
  const mask = secretMask(sent);
  const pacer = createPacer(options.rate, clock);
  const requester = createRequester({ ...options, transport, mask, pacer });
  const api = createServiceApi({
    requester,
    name: transport.name,
    basePath: transport.basePath,
    credentials,
    mask,
    clock,
    ownDatabase,
  });
  const callbacks = callbackRequests(api, (secrets) => sent.push(...secrets));
  const calls = callRequests(api, options);
  return {
    name: transport.name,
    capabilities: api.capabilities,
    toServiceClock: api.toServiceClock,
    databaseId: api.databaseId,
    requireOwnDatabase: api.requireOwnDatabase,
    serviceNow: requester.serviceNow,
    ...callbacks,
    ...calls,
    ...runRequests(api),
    ...groupRequests(api, calls.listCalls),
    ...singleCalls(api, calls.listCalls, timezone),
    /** Returns null if the service has none. */
    listOutages: (callbackId?: string): Promise<readonly ListedOutage[] | null> => listOutages(api, callbackId),
    /** Returns pages of entries, the newest first, or null if the service has no audit. */
    listAudit: (query: AuditQuery): Promise<AuditPages | null> => listAudit(api, query),
    createSignInCode: (): Promise<SignInCode | null> => createSignInCode(api),
    followRun: requester.followRun,
    /** Returns what the service sends with, if it says so with its callbacks. */
    async deliverySettings(): Promise<Partial<DeliverySettings>> {
      if (api.deliverySettings() === null) await callbacks.verify();
      return api.deliverySettings() ?? {};
    },
    close: (): Promise<void> => transport.close(),
  };
}

interface SignInCode {
  readonly code: string;
  readonly expiresAt: number;
}

/** The code signs the user of this client in to the console. Returns null if the service has none. */
async function createSignInCode(api: ServiceApi): Promise<SignInCode | null> {
  const answer = await api.exchangeIfKnown({ method: "POST", path: "/console/code", noun: "callback" });
  if (answer === null) return null;
  const { code, expiresAt } = objectOf(api.documentOf(answer));
  return { code: textOf(code) ?? "", expiresAt: readDate(expiresAt) ?? 0 };
}

async function listOutages(api: ServiceApi, callbackId: string | undefined): Promise<readonly ListedOutage[] | null> {
  const path = callbackId === undefined ? "/outages" : `/outages?callbackId=${idInUrl(callbackId)}`;
  const load = await beginList(api, "outages", path, readOutageList);
  return load && readWholeList(api.basePath + path, load);
}

interface AuditQuery {
  /** The callback's id, or the name that it had. */
  readonly callbackId: string | undefined;
  readonly user: string | undefined;
  readonly since: number | undefined;
}

type AuditPages = AsyncIterable<{ readonly items: readonly ListedAuditEntry[]; readonly total: number | null }>;

async function listAudit(api: ServiceApi, { callbackId, user, since }: AuditQuery): Promise<AuditPages | null> {
  const query = new URLSearchParams(
    withoutUndefined({ callbackId, user, since: since === undefined ? since : toIsoDate(since) }),
  );
  const path = query.size === 0 ? "/audit" : `/audit?${query}`;
  const load = await beginList(api, "audit", path, readAuditList);
  return load && walkList(api.basePath + path, load);
}

/** Returns what loads the list's pages, of which the first is there already. Returns null if the service has no such list. */
async function beginList<Item>(
  api: ServiceApi,
  feature: Feature,
  path: string,
  read: (document: unknown) => ListPage<Item>,
): Promise<((from: string) => Promise<ListPage<Item>>) | null> {
  const first = await api.exchangeFeature(feature, { method: "GET", path: api.withPageLimit(path), noun: "callback" });
  if (first === null) return null;
  let document: unknown = api.documentOf(first);
  return async (from) => {
    const page = read(document ?? (await api.getDocument(api.withPageLimit(from), "callback")));
    document = undefined;
    return page;
  };
}
