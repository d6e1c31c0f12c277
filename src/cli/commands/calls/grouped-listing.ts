import type { ListedCallback } from "../../../client/client.js";
import { type CallGroup, CallGroups, type GroupKey } from "../../../domain/call-groups.js";
import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import { dateOrNull } from "../../../wire/dates.js";
import { requireOneOf } from "../../args/closest-match.js";
import type { Invocation } from "../../args/command-spec.js";
import { readFilter } from "../../args/filter-flags.js";
import { leftOutText } from "../../output/call-columns.js";
import type { Column } from "../../output/cells.js";
import { type ListingStyle, openListing } from "../../output/listing.js";
import { openProgress, type ProgressLine } from "../../output/progress-line.js";
import type { Session } from "../../settings/session.js";
import type { CallsListFlags } from "./command.js";

/** So many take some tens of megabytes. */
const MAX_GROUPS = 100_000;

const COUNT_FIELDS = ["count", "firstAttemptedDate", "lastAttemptedDate", "exampleId"] as const;

interface GroupRow {
  readonly group: CallGroup;
  readonly callback: ListedCallback;
}

export interface GroupListing {
  readonly by: readonly GroupKey[];
  readonly callbacks: readonly ListedCallback[];
  /** `limit` counts groups. */
  readonly limit: number;
}

/** Throws `usage` for what makes no sense for groups. */
export async function listGroups(
  invocation: Invocation<CallsListFlags>,
  { client }: Session,
  asked: GroupListing,
): Promise<void> {
  const { values, screen } = invocation;
  const { by, callbacks, limit } = asked;
  if (screen.format === "ids") {
    throw new WhcbError("usage", "--group-by can't be used with -o ids", { hint: "Groups have no ids: take another format." });
  }
  if (values.oldestFirst) throw new WhcbError("usage", "--group-by can't be used with --oldest-first");
  const fields: readonly string[] = ["callbackId", "callback", ...by, ...COUNT_FIELDS];
  for (const name of screen.jsonFields ?? [])
    requireOneOf(name, fields, `--json: no field ${JSON.stringify(name)} of these groups`);
  const isOfOne = callbacks.length === 1;
  const listing = openListing(listingStyle(by, isOfOne), screen, values.columns);
  const filter = readFilter(values);
  const rows: GroupRow[] = [];
  const sum = { calls: 0, otherCalls: 0, leftOut: 0 };
  let progress: ProgressLine | null = null;
  for (const callback of callbacks) {
    const groups = new CallGroups(by, MAX_GROUPS - rows.length);
    let parts = 0;
    for await (const part of client.groupCalls(callback.id, { filter, by })) {
      for (const group of part.groups) groups.add(group);
      sum.leftOut += part.leftOut;
      parts += 1;
      if (parts === 1) continue;
      const read = `${groups.calls}${part.total === null ? "" : ` of ${part.total}`} calls of ${callback.name} counted`;
      progress ??= await openProgress(invocation, read);
      progress.show(read);
    }
    for (const group of groups.sorted()) rows.push({ group, callback });
    sum.calls += groups.calls;
    sum.otherCalls += groups.otherCalls;
  }
  progress?.clear();
  if (!isOfOne) rows.sort((one, other) => other.group.count - one.group.count);
  const shown = rows.slice(0, limit);
  await listing.add(shown);
  await listing.end();
  const isCut = shown.length < rows.length || sum.otherCalls > 0;
  if (screen.format === "table" || rows.length === 0 || isCut) {
    screen.info(closingLine({ ...sum, shown, groups: rows.length }, isOfOne ? ` of ${callbacks[0]?.name}` : ""));
  }
}

interface Listed {
  readonly shown: readonly GroupRow[];
  readonly groups: number;
  readonly calls: number;
  readonly otherCalls: number;
  readonly leftOut: number;
}

function closingLine({ shown, groups, calls, otherCalls, leftOut }: Listed, where: string): string {
  if (calls === 0) return `no calls${where} match${leftOutText(leftOut)}`;
  const shownCalls = shown.reduce((sum, { group }) => sum + group.count, 0);
  const others = otherCalls === 0 ? "" : `; ${count(otherCalls, "call")} of more groups than are kept: use a filter`;
  if (shown.length === groups)
    return `${count(calls, "call")}${where} in ${count(groups, "group")}${leftOutText(leftOut)}${others}`;
  return `${shownCalls} of ${count(calls, "call")}${where}, in ${shown.length} of ${count(groups, "group")}${leftOutText(leftOut)}${others}; --all shows all`;
}

function listingStyle(by: readonly GroupKey[], isOfOne: boolean): ListingStyle<GroupRow> {
  const callback: Column<GroupRow> = {
    key: "callback",
    title: "CALLBACK",
    value: (row) => row.callback.name,
    least: 8,
    onDemand: isOfOne,
  };
  return {
    columns: [callback, ...by.map((key) => KEY_COLUMNS[key]), ...COUNT_COLUMNS],
    toJson: (row) => groupJson(row, by),
    toId: () => "",
  };
}

const KEY_COLUMNS: Readonly<Record<GroupKey, Column<GroupRow>>> = {
  // --status-code takes such values.
  statusCode: { key: "code", title: "CODE", value: ({ group }) => group.values.statusCode ?? "none", kind: "number" },
  reason: { key: "reason", title: "REASON", value: ({ group }) => group.values.reason ?? null, least: 8 },
  answer: { key: "answer", title: "ANSWER", value: ({ group }) => group.values.answer?.trim() ?? null, least: 16 },
  hour: { key: "hour", title: "HOUR", value: ({ group }) => group.values.hour ?? null, kind: "instant" },
  from: { key: "from", title: "FROM", value: ({ group }) => group.values.from ?? null, least: 12 },
  messageId: { key: "message", title: "MESSAGE", value: ({ group }) => group.values.messageId ?? null, least: 12 },
  channel: { key: "channel", title: "CHANNEL", value: ({ group }) => group.values.channel ?? null },
};

const COUNT_COLUMNS: readonly Column<GroupRow>[] = [
  { key: "count", title: "CALLS", value: ({ group }) => group.count, kind: "number" },
  { key: "first", title: "FIRST ATTEMPT", value: ({ group }) => group.firstAttemptedAt, kind: "instant", dropRank: 2 },
  { key: "last", title: "LAST ATTEMPT", value: ({ group }) => group.lastAttemptedAt, kind: "instant", dropRank: 1 },
  { key: "example", title: "ONE OF THEM", value: ({ group }) => group.exampleId, dropRank: 3 },
];

/** The object is a documented contract: it has the keys asked for, and always the rest. A key is null for calls without it. */
function groupJson({ group, callback }: GroupRow, by: readonly GroupKey[]): Readonly<Record<string, unknown>> {
  const { values, count, firstAttemptedAt, lastAttemptedAt, exampleId } = group;
  return {
    callbackId: callback.id,
    callback: callback.name,
    ...Object.fromEntries(by.map((key) => [key, key === "hour" ? dateOrNull(values.hour ?? null) : (values[key] ?? null)])),
    count,
    firstAttemptedDate: dateOrNull(firstAttemptedAt),
    lastAttemptedDate: dateOrNull(lastAttemptedAt),
    exampleId,
  };
}
