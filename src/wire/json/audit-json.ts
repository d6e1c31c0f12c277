/** Only `whcb serve` has an audit. */
import type { AuditDetails, AuditEntry, SettingChange } from "../../domain/audit/audit-entry.js";
import type { ChangeSeen } from "../../domain/audit/change-text.js";
import { readDate, toIsoDate } from "../dates.js";
import { countOf, listOf, objectOf, textOf } from "./json-value.js";
import { type ListPage, readList } from "./list-json.js";

export function auditEntryToJson(entry: AuditEntry): Record<string, unknown> {
  return {
    id: entry.id,
    at: toIsoDate(entry.at),
    action: entry.action,
    ...(entry.user !== null && { user: entry.user }),
    via: entry.via,
    ...(entry.address !== null && { address: entry.address }),
    ...(entry.callbackId !== null && { callbackId: entry.callbackId }),
    ...(entry.callback !== null && { callback: entry.callback }),
    ...(entry.count !== null && { count: entry.count }),
    ...(Object.keys(entry.details).length > 0 && { details: entry.details }),
  };
}

export interface ListedAuditEntry extends ChangeSeen {
  readonly id: string;
  readonly at: number | null;
  readonly user: string | null;
  readonly via: string;
  readonly address: string | null;
  readonly callbackId: string | null;
  /** The callback had this name. */
  readonly callback: string | null;
}

export function readAuditList(document: unknown): ListPage<ListedAuditEntry> {
  const list = readList("audit", document);
  return { ...list, items: list.items.map(readEntry) };
}

function readEntry(value: unknown): ListedAuditEntry {
  const entry = objectOf(value);
  return {
    id: textOf(entry.id),
    at: readDate(entry.at),
    action: textOf(entry.action),
    user: textOf(entry.user) || null,
    via: textOf(entry.via),
    address: textOf(entry.address) || null,
    callbackId: textOf(entry.callbackId) || null,
    callback: textOf(entry.callback) || null,
    count: countOf(entry.count),
    details: readDetails(objectOf(entry.details)),
  };
}

const TEXTS = ["callId", "callIdsDigest", "replayId", "until", "username"] as const;

function readDetails(details: Readonly<Record<string, unknown>>): AuditDetails {
  const { settings, status, settledBy, filter, newApiKey, mails, filters } = details;
  const texts = TEXTS.flatMap((name) => (details[name] === undefined ? [] : [[name, textOf(details[name])]]));
  return {
    ...(settings !== undefined && { settings: listOf(settings).map(readSetting) }),
    ...((status === "SUCCESS" || status === "FAILED") && { status }),
    ...((settledBy === "user" || settledBy === "replay") && { settledBy }),
    ...(filter !== undefined && {
      filter: Object.fromEntries(Object.entries(objectOf(filter)).map(([name, text]) => [name, textOf(text)])),
    }),
    ...Object.fromEntries(texts),
    ...(newApiKey === true && { newApiKey }),
    ...(mails !== undefined && { mails: countOf(mails) ?? 0 }),
    ...(filters !== undefined && { filters: countOf(filters) ?? 0 }),
  };
}

function readSetting(value: unknown): SettingChange {
  const { setting, before, after } = objectOf(value);
  return {
    setting: textOf(setting),
    ...(before !== undefined && { before: textOf(before) }),
    ...(after !== undefined && { after: textOf(after) }),
  };
}
