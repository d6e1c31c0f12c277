import type { ListedCallback } from "../../../client/client.js";
import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../args/command-spec.js";
import { readFilter } from "../../args/filter-flags.js";
import { CALL_LISTING, leftOutText, TABLE_COLUMNS } from "../../output/call-columns.js";
import { GROUP_FIELDS } from "../../output/json-fields.js";
import { isReadBack, listLimit, openListing, requireReadBack } from "../../output/listing.js";
import { findNamedCallback, type Session, withSession } from "../../settings/session.js";
import type { CallsListFlags } from "./command.js";

export function run(invocation: Invocation<CallsListFlags>): Promise<void> {
  return withSession(invocation, (session) => listCalls(invocation, session));
}

async function listCalls(invocation: Invocation<CallsListFlags>, session: Session): Promise<void> {
  const { values, screen } = invocation;
  const limit = listLimit(values, screen);
  const named = await findNamedCallback(invocation, session);
  const callbacks = named === null ? await session.client.listCallbacks() : [named];
  const by = values.groupBy;
  if (by !== undefined && by.length > 0) {
    const { listGroups } = await import("./grouped-listing.js");
    return listGroups(invocation, session, { by: [...new Set(by)], callbacks, limit });
  }
  const ofGroups = screen.jsonFields?.find((name) => name in GROUP_FIELDS);
  if (ofGroups !== undefined) throw new WhcbError("usage", `--json: ${ofGroups} is a field of groups: add --group-by`);
  const filter = readFilter(values);
  const withAnswers =
    session.client.capabilities.has("exact-lists") &&
    (values.columns?.includes("answer") ?? !["ids", "tsv"].includes(screen.format));
  const listing = openListing(
    CALL_LISTING,
    screen,
    values.columns ?? (named === null ? ACROSS_CALLBACKS : OF_ONE)[screen.format],
  );
  const total = { listed: 0, known: 0, leftOut: 0, withoutId: 0, unwritable: 0, isOpen: false, isUncounted: false };
  // Another service than `whcb serve` may leave pages out.
  const isChecked = !Number.isFinite(limit) && !session.client.capabilities.has("exact-lists");
  for (const callback of callbacks) {
    const left = limit - total.listed;
    if (left <= 0) {
      // Counting the rest takes a request per callback.
      total.isOpen = true;
      break;
    }
    const query = { filter, ...(Number.isFinite(left) ? { limit: left } : {}), oldestFirst: values.oldestFirst, withAnswers };
    let known: number | null = null;
    const rest = isChecked ? new (await import("../../output/uncounted-calls.js")).UncountedCalls() : null;
    for await (const page of session.client.listCalls(callback.id, query)) {
      known ??= page.total;
      rest?.add(page);
      total.leftOut += page.leftOut;
      total.withoutId += page.withoutId.length;
      const calls = screen.format === "ids" ? page.calls.filter(({ id }) => isReadBack(id)) : [...page.calls, ...page.withoutId];
      if (screen.format === "ids") total.unwritable += page.calls.length - calls.length;
      total.listed += calls.length;
      await listing.add(calls.map((call) => ({ call, callbackName: callback.name })));
    }
    const uncounted = rest?.describe(callback.name) ?? null;
    if (uncounted !== null) screen.info(`warning: ${uncounted}`);
    total.known += known ?? 0;
    total.isUncounted ||= known === null && total.listed >= limit;
  }
  await listing.end();
  const isCut = Number.isFinite(limit) && (total.isOpen || total.isUncounted || total.known > total.listed);
  if (screen.format === "table" || total.listed === 0 || total.withoutId > 0 || isCut)
    screen.info(closingLine(total, callbacks, isCut));
  requireReadBack(total.unwritable);
}

const OF_ONE: Readonly<Record<string, readonly string[]>> = { table: TABLE_COLUMNS };

const ACROSS_CALLBACKS: Readonly<Record<string, readonly string[]>> = {
  table: ["attempted", "callback", ...TABLE_COLUMNS.slice(1).filter((key) => key !== "from")],
  tsv: ["attempted", "callback", "status", "code", "reason", "content", "id"],
};

function closingLine(
  total: {
    readonly listed: number;
    readonly known: number;
    readonly leftOut: number;
    readonly withoutId: number;
    readonly isOpen: boolean;
    readonly isUncounted: boolean;
  },
  callbacks: readonly ListedCallback[],
  isCut: boolean,
): string {
  const where = callbacks.length === 1 ? ` of ${callbacks[0]?.name}` : "";
  const leftOut = withoutIdText(total.withoutId) + leftOutText(total.leftOut);
  if (total.listed === 0) return `no calls${where} match${leftOut}`;
  if (total.isOpen) return `${count(total.listed, "call")}${leftOut}, and more callbacks that weren't read; --all shows all`;
  if (isCut && total.isUncounted) return `the first ${count(total.listed, "call")}${where}${leftOut}; --all shows all`;
  if (isCut) return `${total.listed} of ${total.known} calls${where}${leftOut}; --all shows all`;
  return `${count(total.listed, "call")}${where}${leftOut}`;
}

function withoutIdText(calls: number): string {
  return calls > 0 ? ` (${calls} without a usable id: can be neither sent nor marked)` : "";
}
