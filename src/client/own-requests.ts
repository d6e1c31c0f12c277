/** What `whcb serve` has and the platform hasn't, and few commands ask for. */
import { idInUrl } from "../wire/bulk-ids.js";
import { readDate, toIsoDate } from "../wire/dates.js";
import { type ListedAuditEntry, readAuditList } from "../wire/json/audit-json.js";
import { objectOf, textOf, withoutUndefined } from "../wire/json/json-value.js";
import type { ListPage } from "../wire/json/list-json.js";
import { type ListedOutage, readOutageList } from "../wire/json/outage-json.js";
import type { Feature } from "./capabilities.js";
import { readWholeList, walkList } from "./list-walker.js";
import type { ServiceApi } from "./service-api.js";

export interface SignInCode {
  readonly code: string;
  readonly expiresAt: number;
}

/** The code signs the user of this client in to the console. Returns null if the service has none. */
export async function createSignInCode(api: ServiceApi): Promise<SignInCode | null> {
  const answer = await api.exchangeIfKnown({ method: "POST", path: "/console/code", noun: "callback" });
  if (answer === null) return null;
  const { code, expiresAt } = objectOf(api.documentOf(answer));
  return { code: textOf(code), expiresAt: readDate(expiresAt) ?? 0 };
}

export async function listOutages(api: ServiceApi, callbackId: string | undefined): Promise<readonly ListedOutage[] | null> {
  const path = callbackId === undefined ? "/outages" : `/outages?callbackId=${idInUrl(callbackId)}`;
  const load = await beginList(api, "outages", path, readOutageList);
  return load && readWholeList(api.basePath + path, load);
}

export interface AuditQuery {
  /** The callback's id, or the name that it had. */
  readonly callbackId: string | undefined;
  readonly user: string | undefined;
  readonly since: number | undefined;
}

export type AuditPages = AsyncIterable<{ readonly items: readonly ListedAuditEntry[]; readonly total: number | null }>;

export async function listAudit(api: ServiceApi, { callbackId, user, since }: AuditQuery): Promise<AuditPages | null> {
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
