/** The plan goes by what the receiver has (docs/reconcile.md). */
import { getHeapStatistics } from "node:v8";
import type { PhoneNumber } from "libphonenumber-js/min";
import type { Client, ListedCall, ListedCallback } from "../../client/client.js";
import { KeptMemory } from "../../client/list-walker.js";
import { type CallStatus, idKey } from "../../domain/call.js";
import { count } from "../../domain/count.js";
import { WhcbError } from "../../domain/errors.js";
import { saysZone, toIsoDate } from "../../wire/dates.js";
import { ArrivedCalls } from "../journal/arrived-calls.js";
import { FreshUnmarks, type UnlistedYet } from "../journal/fresh-unmarks.js";
import { callKey, readAcceptedElsewhere } from "../journal/other-runs.js";
import { newRunId } from "../journal/run-id.js";
import type { RunListener } from "../journal/run-step.js";
import type { RunDeps } from "../run-deps.js";
import type { BodyOptions } from "../run-options.js";
import { keyCount } from "./call-index.js";
import { listMatchingCalls, type MatchingCallsQuery, NO_UNUSABLE } from "./call-scope.js";
import { type ComparableCall, type CompareOptions, comparableCall, type ParsePhone } from "./comparable-call.js";
import { matchSeen, type SeenMatch } from "./match-seen.js";
import { idsLike, isDigit, mentionsRefusal } from "./received-field.js";
import { createReplayPlan, GroupDraft, type ReplayPlan } from "./replay-plan.js";
import { type DateZones, givesAddress, type Heading, type SeenList } from "./seen-list.js";
import { SnapshotFile } from "./snapshot-file.js";

/** `ambiguous` are neither marked nor sent. With `sendAmbiguous` there are none. */
export interface ReconcilePlan extends Omit<SeenMatch, "seen" | "matched"> {
  readonly callback: ListedCallback;
  readonly seen: readonly string[];
  /** When each seen call had last changed as it was listed, by id, if the service says it. */
  readonly listedChanges: ReadonlyMap<string, number>;
  readonly replay: ReplayPlan;
  /** The calls were listed until this instant. */
  readonly listedAt: number;
  /** The same instant of the service's clock, or null if the service doesn't say it. */
  readonly serviceListedAt: number | null;
  readonly failed: number;
  /** The list has the id of this FAILED call in a field that isn't compared, as whcb's own lists of calls do. */
  readonly listedByWhcb: string | null;
  /** Calls are seen, and no line is of one that was delivered at once, though there are some, which the receiver has. */
  readonly mayBeOfFailed: boolean;
  /** No call and no message has this id, or it may say that what follows wasn't received. */
  readonly heading: Heading | null;
  /** So many different numbers can't be parsed, so they aren't compared. */
  readonly unreadableNumbers: number;
  /** Dates with a time zone are compared with dates without one. */
  readonly mixesZones: boolean;
}

export interface ReconcileRequest extends BodyOptions {
  readonly callback: ListedCallback;
  readonly seen: SeenList;
  /** Dates without a zone are of this IANA zone. */
  readonly timezone: string;
  /** Mobile numbers in local form are of this country (ISO 3166). */
  readonly country: string | null;
  readonly sendAmbiguous: boolean;
  /** The run with this id has the callback's lock. */
  readonly runId?: string | undefined;
  /** The calls and their keys may take so much memory. The default is what fits into V8's heap, 1 GiB at most. */
  readonly maxBytes?: number;
  /** `onCompare` is called before the calls are listed. `requests` is null if the service gives no total. */
  readonly onCompare?: (calls: number | null, requests: number | null) => void;
  readonly onEvent?: RunListener;
}

/** Sends and marks nothing. Throws what the client throws, and `config` for an unknown country. */
export async function planReconcile(request: ReconcileRequest, deps: RunDeps): Promise<ReconcilePlan> {
  const { callback, seen, timezone, country, sendAmbiguous } = request;
  const runId = request.runId ?? newRunId(deps.clock.now(), deps.random);
  const phones = await phoneParser(country);
  const arrived = await ArrivedCalls.read({ runId, mark: true, hasList: true }, [callback], deps);
  const elsewhere = await readAcceptedElsewhere(callback.id, deps);
  const unmarks = await FreshUnmarks.read([callback], deps);
  const file = await SnapshotFile.open(deps.runsDirectory, runId, request);
  try {
    const total = await countCalls(deps.client, callback.id);
    const { capabilities } = deps.client;
    // Few calls are PENDING, as a rule: one more request reads them.
    request.onCompare?.(total, total && Math.ceil(total / capabilities.rowsPerPage) + 1);
    const draft = new GroupDraft(callback, file, deps, { isOldestFirst: capabilities.has("exact-lists") });
    const hasArrived = (id: string): boolean => arrived.has(callback.id, id) || elsewhere.has(callKey(callback.id, id));
    const options = { parsePhone: phones.parse, timezone, format: seen.format, hasArrived };
    const hasNone = total === 0 && !callback.waitingCalls;
    const { calls, withoutId, zones } = hasNone ? NO_CALLS : await listCalls(request, deps.client, draft, options);
    // What was attempted between the lists is mostly read as it was afterwards.
    const [listedAt, serviceListedAt] = [deps.clock.now(), deps.client.serviceNow()];
    const { hasOnlyIds } = seen;
    const { matched, ...match } = await matchSeen(seen.lines, calls, { parsePhone: phones.parse, clock: deps.clock, hasOnlyIds });
    unmarks.dropListed(callback.id, calls);
    const fresh = unmarks.unlistedYet();
    if (fresh !== null) throw notListedYet(fresh);
    const failed = calls.filter(({ id, status }) => id !== "" && status === "FAILED");
    const notSent = new Set([...match.seen, ...(sendAmbiguous ? [] : match.ambiguous)].map(({ id }) => id));
    const open = failed.filter(({ id }) => !notSent.has(id));
    draft.keepOnly(new Set(arrived.leaveOut(callback.id, open).map(({ id }) => id)));
    return {
      ...match,
      callback,
      seen: match.seen.map(({ id }) => id),
      listedChanges: new Map(match.seen.flatMap(({ id, changedAt: at }) => (at === undefined ? [] : [[id, at] as const]))),
      ambiguous: sendAmbiguous ? [] : match.ambiguous,
      replay: createReplayPlan({ runId, drafts: [draft], file, leftOut: { withoutId, unmarked: arrived.unmarkedRuns() } }),
      listedAt,
      serviceListedAt,
      failed: failed.length,
      listedByWhcb: failed.find(({ id }) => seen.otherIds.has(idKey(id)))?.id ?? null,
      mayBeOfFailed:
        match.seen.length > 0 &&
        calls.some(({ wasDelivered }) => wasDelivered) &&
        !matched.some((alike) => alike.length > 0 && alike.every(({ wasDelivered }) => wasDelivered)),
      heading: findHeading(seen, calls),
      unreadableNumbers: seen.lines.some(givesAddress) ? phones.unreadable.size : 0,
      mixesZones: [true, false].some((saysZone) => seen.zones.has(saysZone) && zones.has(!saysZone)),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function notListedYet({ calls, until }: UnlistedYet): WhcbError {
  return new WhcbError("unavailable", `${count(calls, "call")} just made FAILED, and not listed so, as the list may lag`, {
    hint: `Type the command again after ${toIsoDate(until)}.`,
  });
}

function findHeading({ format, headings, callIds }: SeenList, calls: readonly ComparableCall[]): Heading | null {
  if (headings.length === 0 && callIds.length === 0) return null;
  const ids = new Set(calls.map(({ id }) => idKey(id)));
  const messages = new Set(calls.flatMap(({ messageIds }) => messageIds));
  // A sender may have chosen the word as an id.
  const isKnown = ({ id }: Heading): boolean => ids.has(idKey(id)) || messages.has(idKey(id));
  const heading = headings.find((each) => mentionsRefusal("", each.id) || !isKnown(each));
  const misread = heading ?? (format === "ids" ? callIds.find(({ id }) => isDigit(id)) : undefined);
  if (misread !== undefined) return misread;
  const absent = callIds.filter(({ id }) => !ids.has(idKey(id)));
  // Bare ids may be those of messages.
  const hasMessages = format === "ids" && absent.some(isKnown);
  const isLikeOne = idsLike([...ids, ...(hasMessages ? messages : [])]);
  return absent.find((each) => !(hasMessages && isKnown(each)) && !isLikeOne(each.id)) ?? null;
}

interface ComparedCalls {
  readonly calls: readonly ComparableCall[];
  readonly withoutId: number;
  readonly zones: DateZones;
}

const MAX_COMPARED_BYTES = Math.min(1024 * 1024 * 1024, Math.floor(getHeapStatistics().heap_size_limit * 0.75));
/** V8 takes about this for a short key, its entry in a map and a list of one call. */
const KEY_BYTES = 200;
const NO_CALLS: ComparedCalls = { calls: [], withoutId: 0, zones: new Set() };

/**
 * Returns calls of any status, in their latest state. The FAILED ones go to the draft too. A line may match a call without an id, so these
 * count.
 */
async function listCalls(
  { callback, onEvent, maxBytes = MAX_COMPARED_BYTES }: ReconcileRequest,
  client: Client,
  draft: GroupDraft,
  options: CompareOptions,
): Promise<ComparedCalls> {
  const calls = new Map<string, ComparableCall>();
  const nameless: ComparableCall[] = [];
  const zones = new Set<boolean | null>();
  const kept = new KeptMemory(maxBytes);
  const keep = (call: ListedCall): ComparableCall => {
    const { from, given, responseMessage } = call.response;
    zones.add(saysZone(responseMessage.date));
    const comparable = comparableCall(call, options);
    // The texts count as they are listed, too: what is cut from one keeps all of it in memory.
    kept.keep(
      [...Object.values(from), ...(given?.from ?? []).flat(), ...Object.values(comparable)],
      keyCount(comparable) * KEY_BYTES,
    );
    return comparable;
  };
  const take = async (page: readonly ListedCall[], withoutId: readonly ListedCall[]): Promise<void> => {
    for (const call of withoutId) nameless.push(keep({ ...call, id: "" }));
    for (const call of page) calls.set(call.id, keep(call));
    await draft.add(page.filter(({ status }) => status === "FAILED"));
  };
  const { capabilities } = client;
  const isExact = capabilities.has("exact-lists");
  const { id: callbackId } = callback;
  const onlyOf = (status: CallStatus): MatchingCallsQuery => ({ callbackId, filter: { status }, onlyIfFiltered: true });
  // The receiver may have PENDING calls. They come first, so that one that is attempted meanwhile is listed again, as is what isn't PENDING
  // on a service that ignores the filter.
  const waiting = await listMatchingCalls(client, onlyOf("PENDING"), take, onEvent);
  // The oldest attempt comes first, so a call that is attempted meanwhile moves to where it is still to be read.
  const query = { callbackId, filter: {}, withPending: true, oldestFirst: isExact };
  const listed = await listMatchingCalls(client, query, take, onEvent);
  // Without a filter, a service may list FAILED calls only.
  const lacksDelivered = !isExact && ![...calls.values(), ...nameless].some(({ status }) => status === "SUCCESS");
  const delivered = lacksDelivered ? await listMatchingCalls(client, onlyOf("SUCCESS"), take, onEvent) : NO_UNUSABLE;
  // Where a page begins behind the last call of the page before, those that are attempted meanwhile hide no other.
  const hidden = isExact ? 0 : waiting.unlisted;
  const unknown = hidden + listed.unlisted + listed.leftOut + delivered.unlisted;
  if (unknown > 0) {
    // What the receiver has may be one of them, and its line would match another call.
    throw new WhcbError("unavailable", `${count(unknown, "call")} of ${callback.name} can't be compared`, {
      hint: "the service counts calls that it doesn't list, or lists some of another callback; nothing was marked or sent",
    });
  }
  return { calls: [...calls.values(), ...nameless], withoutId: listed.withoutId, zones };
}

/** PENDING calls don't count. Returns null if the service doesn't say. */
async function countCalls(client: Client, callbackId: string): Promise<number | null> {
  for await (const { total } of client.listCalls(callbackId, { filter: {}, limit: 1 })) return total;
  return 0;
}

/** The parser collects what it can't read. Throws `config` for an unknown country. */
export async function phoneParser(
  country: string | null,
): Promise<{ readonly parse: ParsePhone; readonly unreadable: ReadonlySet<string> }> {
  const { isSupportedCountry, parsePhoneNumberFromString } = await import("libphonenumber-js/min");
  if (country !== null && !isSupportedCountry(country)) {
    throw new WhcbError("config", `the profile's country must be a code such as AU, not ${JSON.stringify(country)}`);
  }
  const unreadable = new Set<string>();
  const keyOf = ({ number, ext }: PhoneNumber): string => (ext === undefined ? number : `${number};ext=${ext}`);
  const parse = (text: string): readonly string[] => {
    // What stands beside a number may say that it wasn't received.
    const whole = { extract: false, ...(country !== null && { defaultCountry: country }) };
    const local = parsePhoneNumberFromString(text.replace(/^(?:tel|sms|whatsapp):/i, ""), whole);
    // The platform writes international numbers without a plus sign, and many systems write 00 in its place.
    const international = /^(?:00)?[1-9][\d\s]+$/.test(text)
      ? parsePhoneNumberFromString(`+${text.replace(/^00/, "")}`)
      : undefined;
    const valid = [local, international].flatMap((number) => (number?.isValid() ? [keyOf(number)] : []));
    if (valid.length > 0) return valid;
    unreadable.add(text);
    return [];
  };
  return { parse, unreadable };
}
