/** Only `whcb serve` groups calls. */
import { cutText } from "../../domain/call-filter.js";
import { answerStart, type CallGroup, type GroupKey, type RetriedCalls } from "../../domain/call-groups.js";
import { readDate, toIsoDate } from "../dates.js";
import type { Link } from "../links.js";
import { readStatusCode } from "./call-json.js";
import { countOf, isObject, type JsonObject, textOf } from "./json-value.js";
import { listStatus, readList } from "./list-json.js";

export interface GroupList {
  readonly by: readonly GroupKey[];
  readonly groups: readonly CallGroup[];
  /** The numbers are those of calls: of earlier pages, of this one, and of all. */
  readonly offset: number;
  readonly count: number;
  readonly total: number;
  readonly isTotalExact?: boolean;
  readonly retried: RetriedCalls;
  readonly link: readonly Link[];
}

/** `groupedBy` is what a client recognizes: other services ignore `groupBy`. */
export function groupsToJson({ by, groups, offset, count, total, isTotalExact, retried, link }: GroupList): JsonObject {
  return {
    status: listStatus(offset, count, total, isTotalExact),
    groupedBy: by.join(","),
    groups: groups.map(groupToJson),
    retried: {
      calls: retried.calls,
      ...(retried.nextAt !== null && { nextAttemptDate: toIsoDate(retried.nextAt) }),
      ...(retried.until !== null && { retryUntil: toIsoDate(retried.until) }),
    },
    link,
  };
}

function groupToJson({ values, count, firstAttemptedAt, lastAttemptedAt, exampleId }: CallGroup): JsonObject {
  const { hour, ...others } = values;
  const present = Object.entries(others).filter(([, value]) => value != null);
  return {
    ...Object.fromEntries(present),
    ...(hour != null && { hour: toIsoDate(hour) }),
    count,
    ...(firstAttemptedAt !== null && { firstAttemptedDate: toIsoDate(firstAttemptedAt) }),
    ...(lastAttemptedAt !== null && { lastAttemptedDate: toIsoDate(lastAttemptedAt) }),
    ...(exampleId !== null && { exampleId }),
  };
}

export interface ReadGroups {
  readonly groups: readonly CallGroup[];
  /** `total` is null if it is unknown, or if there may be more. */
  readonly total: number | null;
  /** It is null if the service doesn't say. */
  readonly retried: RetriedCalls | null;
  readonly next: string | null;
}

/** Returns null if it isn't grouped in this way. */
export function readGroups(document: unknown, by: readonly GroupKey[]): ReadGroups | null {
  if (!isObject(document) || document.groupedBy !== by.join(",")) return null;
  const { items, total, next } = readList("groups", document);
  return {
    groups: items.filter(isObject).map((group) => readGroup(group, by)),
    total,
    retried: isObject(document.retried) ? readRetried(document.retried) : null,
    next,
  };
}

function readRetried({ calls, nextAttemptDate, retryUntil }: JsonObject): RetriedCalls {
  return { calls: countOf(calls) ?? 0, nextAt: readDate(nextAttemptDate), until: readDate(retryUntil) };
}

function readGroup(group: JsonObject, by: readonly GroupKey[]): CallGroup {
  return {
    values: Object.fromEntries(by.map((key) => [key, readValue(key, group[key])])),
    count: countOf(group.count) ?? 0,
    firstAttemptedAt: readDate(group.firstAttemptedDate),
    lastAttemptedAt: readDate(group.lastAttemptedDate),
    exampleId: cutText(textOf(group.exampleId)) || null,
  };
}

function readValue(key: GroupKey, value: unknown): string | number | null {
  if (key === "statusCode") return readStatusCode(value);
  if (key === "hour") return readDate(value);
  return key === "answer" ? answerStart(textOf(value)) : cutText(textOf(value)) || null;
}
