import { INVISIBLE, idKey, type MarkedBy } from "../domain/call.js";
import { type CallFilter, filterParameters, matchesFilter } from "../domain/call-filter.js";
import type { RunLease } from "../domain/callback.js";
import { MINUTE_MS } from "../domain/duration.js";
import { isWhcbError, WhcbError } from "../domain/errors.js";
import type { MessageResponse } from "../domain/message-response.js";
import type { Clock } from "../platform/clock.js";
import { type Random, timeOrderedId } from "../platform/random.js";
import { idInUrl } from "../wire/bulk-ids.js";
import { readInstants, toIsoDate } from "../wire/dates.js";
import { attemptedDateOf, type ListedCall, readCallList } from "../wire/json/call-json.js";
import { listOf, objectOf, textOf } from "../wire/json/json-value.js";
import type { ListPage } from "../wire/json/list-json.js";
import { readAccepted } from "../wire/json/replay-json.js";
import { readSubmittedIds, submissionToJson } from "../wire/json/response-json.js";
import { callbackPath } from "./callback-requests.js";
import { isUnknownMethod } from "./capabilities.js";
import { walkList } from "./list-walker.js";
import type { RepeatCheck } from "./requester.js";
import { type ReplayReport, replayReportJson } from "./run-requests.js";
import type { ServiceApi } from "./service-api.js";
import { namesCall, parseJson } from "./service-error.js";
import { isSuccess, type TransportResponse } from "./transport.js";

/** Gets each page of a list as it was read, before its filter, and how far the service's clock is ahead of ours. */
export type OnListed = (calls: readonly ListedCall[], serviceAheadMs: number) => void;

export interface CallReading {
  readonly clock: Clock;
  readonly random: Random;
  /** Dates without a zone are of this IANA zone. */
  readonly timezone: string;
  readonly onListed?: OnListed | undefined;
}

export interface ListCallsQuery {
  readonly filter: CallFilter;
  /** The default is all. */
  readonly limit?: number;
  /** The order is that of the last attempts. By default the newest comes first. */
  readonly oldestFirst?: boolean;
  /** Calls have their attempts if the service lists them. */
  readonly withAttempts?: boolean;
  /** Calls have their answers if the service lists them. */
  readonly withAnswers?: boolean;
  /** A filter without a status keeps PENDING calls too, which some services list. */
  readonly withPending?: boolean;
}

export interface CallPage {
  readonly calls: readonly ListedCall[];
  /** `withoutId` have no id by which they could be marked, so they aren't sent either, and no limit counts them. */
  readonly withoutId: readonly ListedCall[];
  readonly leftOut: number;
  /** `unclear` counts those left out that may match, as they don't say their status, or that they are of this callback. */
  readonly unclear: number;
  /** `total` is null if unknown. */
  readonly total: number | null;
}

export interface MarkDetails {
  /** The default is a user. */
  readonly by?: MarkedBy;
  /** `replays` is sent only to a service that keeps reported attempts. */
  readonly replays?: ReplayReport;
  /** What was delivered at this instant of the service's clock or later stays SUCCESS. It counts for FAILED, if the service guards marks. */
  readonly unlessDeliveredSince?: number;
  /** What is SUCCESS already is returned. It counts for SUCCESS, if the service guards marks. */
  readonly unlessSettled?: boolean;
  /** What a user has made FAILED after this instant of the service's clock is returned. It counts as `markedAt` does. */
  readonly unlessFailedSince?: number;
  /** What has another date than it was listed with is returned. It counts as `unlessSettled` does. */
  readonly unlessChanged?: readonly { readonly id: string; readonly changedDate?: string; readonly submittedDate?: string }[];
  /**
   * By this instant of the service's clock a service that guards marks knows a repeat of the request, also one that a gateway makes, and
   * returns what a user has made FAILED since. It counts for SUCCESS. With null, the service doesn't say its clock, and what a repeat returns
   * may have been marked by the request before it.
   */
  readonly markedAt?: number | null;
  /** The default is that the request is repeated after a failure. */
  readonly isWanted?: RepeatCheck;
}

export interface SubmittedCall {
  /** By default an id is generated. */
  readonly id?: string;
  readonly response: MessageResponse;
}

export type ListCalls = (callbackId: string, query: ListCallsQuery) => AsyncIterable<CallPage>;

const MAX_CALLS_PER_SUBMISSION = 1_000;

export function callRequests(api: ServiceApi, { clock, random, timezone, onListed = () => {} }: CallReading) {
  const { capabilities } = api;

  /** Yields each call once. The filter is applied here, too. */
  async function* listCalls(callbackId: string, query: ListCallsQuery): AsyncIterable<CallPage> {
    let left = query.limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0) return;
    const { status } = query.filter;
    const callbackName = api.callbackNames.get(callbackId);
    const options = { callbackId, callbackName, timezone, ...(status !== undefined && { listedAs: status }) };
    const queries = [callQuery(query), documentedQuery(query), documentedQuery({ ...query, filter: {} })];
    const paths = queries.map((one) => listPath(callUrl(callbackId), one));
    const [firstPath = "", , unfilteredPath] = paths;
    /** The list is read without `status` once this is set. */
    let rejection: unknown = null;

    async function load(path: string): Promise<ListPage<ListedCall>> {
      try {
        const page = readCallList(await api.getDocument(api.withPageLimit(path, left), "call"), options);
        const { items: calls } = page;
        // Such a list has calls of any status, so each must say its own.
        if (rejection !== null && calls.some(({ raw }) => textOf(raw.status).trim() === "")) throw rejection;
        capabilities.readCalls(calls);
        onListed(calls, api.toServiceClock(clock.now()) - clock.now());
        return page;
      } catch (error) {
        const index = paths.lastIndexOf(path);
        const simpler = index === -1 ? undefined : paths[index + 1];
        if (simpler === undefined || !isRejected(error)) throw error;
        if (simpler === unfilteredPath && status !== undefined) rejection = error;
        return load(simpler);
      }
    }

    for await (const { items, total } of walkList(firstPath, load)) {
      if (query.filter.answer !== undefined) requireAnswers(items, api);
      // A service may ignore an unknown filter or the callback, or be read without it: other calls must not be replayed.
      const isMeant = (call: ListedCall): boolean => {
        const anyStatus = query.withPending && status === undefined && { status: call.status };
        const filter = { ...query.filter, ...anyStatus, ...untilOfMinute(query.filter, call) };
        return datesOf(call, filter).every((attemptedAt) => matchesFilter({ ...call, attemptedAt }, filter));
      };
      const matching = items.filter((call) => call.callbackId === callbackId && isMeant(call));
      const calls = matching.filter(({ id }) => isUsable(id)).slice(0, left);
      const withoutId = matching.filter(({ id }) => !isUsable(id));
      const unclear = items.filter((call) => isUnclear(call) || (call.callbackId !== callbackId && isMeant(call)));
      yield { calls, withoutId, leftOut: items.length - matching.length, unclear: unclear.length, total };
      left -= calls.length;
      if (left <= 0) return;
    }
  }

  /** A date of another service may have whole minutes, so what it dates may have been later in its minute. */
  function untilOfMinute({ until }: CallFilter, { attemptedAt }: ListedCall): Pick<CallFilter, "until"> {
    const mayBeLater = until !== undefined && attemptedAt !== null && attemptedAt % MINUTE_MS === 0;
    return mayBeLater && !capabilities.has("exact-lists") ? { until: until - (until % MINUTE_MS) } : {};
  }

  /** In an hour that clocks repeat, a date without a zone may be of two instants. */
  function datesOf({ raw, attemptedAt }: ListedCall, { since, until }: CallFilter): readonly (number | null)[] {
    if (attemptedAt === null || (since ?? until) === undefined) return [attemptedAt];
    return readInstants(attemptedDateOf(raw), timezone);
  }

  const callUrl = (callbackId: string): string => `${api.basePath}${callbackPath(callbackId)}/calls`;

  /**
   * Marks up to MAX_IDS_PER_REQUEST calls, all or none, and returns those that the service has left as they are. Throws `not-found`. A
   * service that guards marks gets the guard that `details` asks for; one that keeps who settled a call gets that, and the report.
   */
  async function markCalls(
    callbackId: string,
    callIds: readonly string[],
    status: "SUCCESS" | "FAILED",
    {
      by = "user",
      replays,
      unlessDeliveredSince,
      unlessSettled = false,
      unlessFailedSince,
      unlessChanged = [],
      markedAt = null,
      isWanted = () => true,
    }: MarkDetails = {},
  ): Promise<readonly string[]> {
    if (callIds.length === 0) return [];
    const path = `${callbackPath(callbackId)}/calls?${idQuery(callIds)}`;
    // A call that the first request has made FAILED may have been sent and accepted before a second one.
    const isRepeatable = status === "SUCCESS";
    const put = async (body: object) => {
      const request = { method: "PUT", path, noun: "call", body, isRepeatable, isWanted } as const;
      return requireMarked(await api.expectSuccess(request), { callIds, status }, api);
    };
    const isGuarded = capabilities.has("guarded-marks");
    if (isGuarded && unlessDeliveredSince !== undefined) {
      return put({ status, unlessDeliveredSince: toIsoDate(unlessDeliveredSince) });
    }
    const guards = isGuarded &&
      status === "SUCCESS" && {
        ...(unlessSettled && { unlessSettled }),
        ...(unlessFailedSince !== undefined && { unlessFailedSince: toIsoDate(unlessFailedSince) }),
        ...(unlessChanged.length > 0 && { unlessChanged }),
        ...(markedAt !== null && { markedAt: toIsoDate(markedAt) }),
      };
    if (by === "user" || capabilities.lacks("settled-by")) return put({ status, ...guards });
    const settled = { status, settledBy: by, ...guards };
    const reported = replays && { ...settled, replays: replayReportJson(replays, api) };
    // A service may reject the report only, and a strict one rejects every unknown field. One that guards marks gets none without its guards.
    for (const body of reported ? [reported, settled] : [settled]) {
      try {
        return await put(body);
      } catch (error) {
        if (!isRejected(error) || (isGuarded && body === settled)) throw error;
      }
    }
    const left = await put({ status });
    capabilities.noteFeature("settled-by", false);
    return left;
  }

  /** Returns the ids in order, and how many of them the service says it knew already. Throws `usage` except on `whcb serve`. */
  async function submitCalls(callbackId: string, calls: readonly SubmittedCall[]) {
    const ids: string[] = [];
    let known = 0;
    for (let start = 0; start < calls.length; start += MAX_CALLS_PER_SUBMISSION) {
      // Own ids make it repeatable: the service accepts each once.
      const given = calls.slice(start, start + MAX_CALLS_PER_SUBMISSION);
      const chunk = given.map((call) => withId(call));
      const answer = await api.exchange({
        method: "POST",
        path: `${callbackPath(callbackId)}/calls`,
        noun: "call",
        body: { calls: chunk.map(submissionToJson) },
        isRepeatable: true,
      });
      if (isUnknownMethod(answer)) {
        throw new WhcbError("usage", `${api.name} doesn't accept responses to deliver`, { hint: "Only `whcb serve` does." });
      }
      if (!isSuccess(answer)) throw api.errorOf(answer);
      const document = api.documentOf(answer);
      ids.push(...readSubmittedIds(document).slice(0, chunk.length));
      // A generated id is known only if this request was repeated, as its answer was lost.
      const named = given.filter(({ id }) => id !== undefined).length;
      const repeated = Math.max(0, chunk.length - (readAccepted(document) ?? chunk.length));
      known += Math.min(named, repeated);
    }
    return { ids, known };
  }

  /**
   * Asks for an attempt now of up to MAX_IDS_PER_REQUEST calls, and returns how many were accepted. With a lease they are added to the
   * replay with the run's id. Throws `locked` if another run has the lock, and `usage` if the service can't replay.
   */
  async function requestReplays(callbackId: string, callIds: readonly string[], lease?: RunLease): Promise<number> {
    if (callIds.length === 0) return 0;
    const path = `${callbackPath(callbackId)}/replays?${idQuery(callIds)}`;
    const answer = await api.exchange({ method: "POST", path, noun: "call", ...(lease && { body: lease }) });
    const accepted = isSuccess(answer) ? readAccepted(api.documentOf(answer)) : null;
    if (accepted !== null) return accepted;
    if (isSuccess(answer)) throw cantReplay(api);
    const error = api.errorOf(answer);
    if (answer.status === 409) throw new WhcbError("locked", error.message);
    // A 404 of `whcb serve` names the id; otherwise the service has no such route.
    const isUnknown = isUnknownMethod(answer) || answer.status === 404;
    if (!isUnknown || callIds.some((id) => namesCall(error, id))) throw error;
    throw cantReplay(api);
  }

  return { listCalls, markCalls, submitCalls, requestReplays };

  function withId(call: SubmittedCall): SubmittedCall {
    return call.id === undefined ? { ...call, id: timeOrderedId(clock.now(), random) } : call;
  }
}

/** Throws `usage`: without the answers, the calls can't be compared with them. */
export function requireAnswers(calls: readonly ListedCall[], { name }: ServiceApi): void {
  if (calls.every(({ answer }) => answer !== undefined)) return;
  throw new WhcbError("usage", `${name} doesn't list what endpoints answered`, { hint: "Only `whcb serve` does." });
}

/** Such a call is listed without a status, beside calls that have one. */
function isUnclear({ status, raw }: ListedCall): boolean {
  return status === "PENDING" && textOf(raw.status).trim() === "";
}

function cantReplay({ name }: ServiceApi): WhcbError {
  return new WhcbError("usage", `${name} can't replay calls itself`, { hint: "Omit `--via service`." });
}

interface Marking {
  readonly callIds: readonly string[];
  readonly status: "SUCCESS" | "FAILED";
}

/**
 * Returns the calls that the service has left as they are; the others are marked. Throws `unavailable` for an answer that doesn't say so:
 * only an empty one does, and one with the new status and, if it has any, exactly these ids.
 */
function requireMarked(
  { status: code, body }: TransportResponse,
  { callIds, status }: Marking,
  api: ServiceApi,
): readonly string[] {
  const { status: said, id, link: _link, left, ...rest } = objectOf(parseJson(body));
  const isStatus = said === status && Object.keys(rest).length === 0 && (id === undefined || areSameIds([id].flat(), callIds));
  const isDone = (code === 200 || code === 202 || code === 204) && (body.trim() === "" || isStatus);
  if (isDone && (left === undefined || api.capabilities.has("guarded-marks"))) return listOf(left).map(textOf);
  throw new WhcbError("unavailable", `${api.name} answered a mark with ${code}, and doesn't say that the calls are marked`, {
    hint: `its answer: ${api.quote(body)}`,
  });
}

function areSameIds(answered: readonly unknown[], callIds: readonly string[]): boolean {
  const marked = new Set(answered.map((id) => idKey(textOf(id))));
  return marked.size === new Set(callIds.map(idKey)).size && callIds.every((id) => marked.has(idKey(id)));
}

/** A service may take another id for several, or for that of another call. */
function isUsable(id: string): boolean {
  if (/^[\w-]*$/.test(id)) return id !== "";
  return !new RegExp(`,|^\\s|\\s$|[\\p{Surrogate}${INVISIBLE}]`, "u").test(id) && id.normalize() === id;
}

/** Throws `invalid` for an id that isn't usable. */
export function idQuery(callIds: readonly string[]): string {
  const odd = callIds.find((id) => !isUsable(id));
  if (odd !== undefined) throw new WhcbError("invalid", `a service would take ${JSON.stringify(odd)} for other ids`);
  return callIds.map((id) => `id=${idInUrl(id)}`).join("&");
}

function listPath(path: string, query: URLSearchParams): string {
  return query.size === 0 ? path : `${path}?${query}`;
}

export function callQuery({ filter, withAttempts, withAnswers, ...order }: ListCallsQuery): URLSearchParams {
  const query = documentedQuery({ filter, ...order });
  if (withAttempts) query.set("expand", "attempts");
  if (withAnswers) query.set("include", "answer");
  for (const [name, value] of Object.entries(filterParameters(filter))) query.set(name, value);
  return query;
}

/** This query has only parameters that the platform documents too. */
function documentedQuery({ filter: { status }, oldestFirst }: ListCallsQuery): URLSearchParams {
  const query = new URLSearchParams(status === undefined ? {} : { status });
  if (oldestFirst) {
    query.set("sortFields", "attemptedDate");
    query.set("sortOrder", "asc");
  }
  return query;
}

/** The service rejects the request as such (400, 422), so a simpler one may succeed. */
function isRejected(error: unknown): boolean {
  return isWhcbError(error, "malformed") || isWhcbError(error, "invalid");
}
