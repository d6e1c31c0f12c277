/** Only `whcb serve` lists outages. */
import type { NoticeChannel, Outage } from "../../domain/outage.js";
import { readDate, toIsoDate } from "../dates.js";
import { countOf, objectOf, textOf } from "./json-value.js";
import { type ListPage, readList } from "./list-json.js";

export function outageToJson(outage: Outage): Record<string, unknown> {
  return {
    id: outage.id,
    callbackId: outage.callbackId,
    startedAt: toIsoDate(outage.startedAt),
    ...(outage.endedAt !== null && { endedAt: toIsoDate(outage.endedAt) }),
    state: outage.endedAt === null ? "open" : "closed",
    ...(outage.endedAt === null && outage.quietSince !== null && { recoveringSince: toIsoDate(outage.quietSince) }),
    failedCalls: outage.failedCalls,
    ...(outage.notifiedAt !== null && { notifiedAt: toIsoDate(outage.notifiedAt) }),
    ...(outage.notifiedBy !== null && { notifiedBy: outage.notifiedBy }),
    ...(outage.mailError !== null && { mailError: outage.mailError }),
  };
}

export interface ListedOutage {
  readonly id: string;
  readonly callbackId: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** `recoveringSince` is set if the outage is open, and calls are accepted again. */
  readonly recoveringSince: number | null;
  readonly failedCalls: number;
  readonly notifiedAt: number | null;
  readonly notifiedBy: NoticeChannel | null;
  readonly mailError: string | null;
}

export function readOutageList(document: unknown): ListPage<ListedOutage> {
  const list = readList("outages", document);
  return { ...list, items: list.items.map(readOutage) };
}

function readOutage(value: unknown): ListedOutage {
  const outage = objectOf(value);
  return {
    id: textOf(outage.id),
    callbackId: textOf(outage.callbackId),
    startedAt: readDate(outage.startedAt) ?? 0,
    endedAt: readDate(outage.endedAt),
    recoveringSince: readDate(outage.recoveringSince),
    failedCalls: countOf(outage.failedCalls) ?? 0,
    notifiedAt: readDate(outage.notifiedAt),
    notifiedBy: outage.notifiedBy === "smtp" || outage.notifiedBy === "file" ? outage.notifiedBy : null,
    mailError: textOf(outage.mailError) || null,
  };
}
