/** Says which calls an action means, and which words select them in a command. */
import type { ListedCallback } from "../../../client/client.js";
import { type CallFilter, statusCodeText } from "../../../domain/call-filter.js";
import type { CallGroup, GroupKey } from "../../../domain/call-groups.js";
import { HOUR_MS, MINUTE_MS } from "../../../domain/duration.js";
import { toIsoDate } from "../../../wire/dates.js";

export interface CallTarget {
  readonly callback: ListedCallback;
  /** `calls` are named by id, or all match the filter. */
  readonly calls: { readonly ids: readonly string[] } | { readonly filter: CallFilter };
  /** `current` is the call under the cursor, or null if there is none. */
  readonly current: string | null;
}

/** Returns null for calls that no filter selects, such as those without a sender: a filter can't be empty. */
export function filterOfGroup(
  { values, lastAttemptedAt }: Pick<CallGroup, "values" | "lastAttemptedAt">,
  by: readonly GroupKey[],
): CallFilter | null {
  const { statusCode, reason, hour, from, messageId } = values;
  const isUnsent = by.includes("hour") && hour == null;
  if (TEXTS.some((key) => by.includes(key) && (values[key] ?? "").trim() === "")) return null;
  return {
    ...(by.includes("statusCode") && { statusCodes: [statusCode == null ? { none: true } : { code: statusCode }] }),
    ...(reason != null && { reason }),
    ...(isUnsent && { statusCodes: [{ none: true }], reason: "not-sent" }),
    ...(hour != null && { since: hour, until: lastAttemptedAt === null ? hour + HOUR_MS : endOf(lastAttemptedAt) }),
    ...(from != null && { from }),
    ...(messageId != null && { messageId }),
  };
}

/** Whole minutes may be all that a service says. A mark takes no time that is still to come, such as the end of the current hour. */
function endOf(attemptedAt: number): number {
  return attemptedAt + (attemptedAt % MINUTE_MS === 0 ? MINUTE_MS : 1);
}

const TEXTS = ["reason", "from", "messageId"] as const;

/** Returns the filter of a group within a group. Of two periods it has the later beginning and the earlier end. */
export function narrowFilter(outer: CallFilter, inner: CallFilter): CallFilter {
  const since = Math.max(outer.since ?? -Infinity, inner.since ?? -Infinity);
  const until = Math.min(outer.until ?? Infinity, inner.until ?? Infinity);
  return { ...outer, ...inner, ...(since > -Infinity && { since }), ...(until < Infinity && { until }) };
}

/** Returns flags of `calls list`, `replay` and `mark-success`. */
export function filterFlags({ since, until, statusCodes, reason, messageId, from, answer, text }: CallFilter): readonly string[] {
  return [
    "--failed",
    ...flagOf("--status-code", statusCodes?.map(statusCodeText).join(",")),
    ...flagOf("--reason", reason),
    ...flagOf("--since", since === undefined ? undefined : toIsoDate(since)),
    ...flagOf("--until", until === undefined ? undefined : toIsoDate(until)),
    ...flagOf("--from", from),
    ...flagOf("--message", messageId),
    ...flagOf("--answer", answer),
    ...flagOf("--grep", text),
  ];
}

function flagOf(name: string, value: string | undefined): readonly string[] {
  if (value === undefined) return [];
  // A value like a flag would be read as one.
  return value.startsWith("-") ? [`${name}=${value}`] : [name, value];
}
