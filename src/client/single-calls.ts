/** A call is read by its path if the service has such paths, otherwise from the list. */
import { type CallIdMatches, type CallPlaces, idKey, isCompletionOf, isGeneratedId, isIdPrefix } from "../domain/call.js";
import type { CallFilter } from "../domain/call-filter.js";
import { WhcbError } from "../domain/errors.js";
import { idInUrl } from "../wire/bulk-ids.js";
import {
  type CallState,
  type ListedAttempt,
  type ListedCall,
  readAttempts,
  readCall,
  readCallStates,
} from "../wire/json/call-json.js";
import { listOf, objectOf, textOf } from "../wire/json/json-value.js";
import { idQuery, type ListCalls } from "./call-requests.js";
import { callbackPath } from "./callback-requests.js";
import { isUnknownRoute } from "./capabilities.js";
import { KeptMemory, memoryOf } from "./list-walker.js";
import type { ServiceApi } from "./service-api.js";
import { isSuccess, type TransportResponse } from "./transport.js";

export type { CallState };

/** Listing takes fewer requests beyond this. */
const MAX_SINGLE_REQUESTS = 50;
/** So many calls are listed to look for short ids: 100 requests to the platform. */
const MAX_CALLS_LISTED = 2_000;

export function singleCalls(api: ServiceApi, listCalls: ListCalls, timezone: string) {
  const { capabilities } = api;
  /** The first listed call shows whether there are paths. */
  let firstId = "";

  const request = (callbackId: string, callId: string, rest = ""): Promise<TransportResponse> =>
    api.exchange({ method: "GET", path: `${callbackPath(callbackId)}/calls/${idInUrl(callId)}${rest}`, noun: "call" });

  async function hasCallPaths(callbackId: string): Promise<boolean> {
    if (capabilities.lacks("call-paths")) return false;
    if (capabilities.has("call-paths")) return true;
    for await (const { calls } of listCalls(callbackId, { filter: {}, limit: 1 })) {
      const [call] = calls;
      if (call !== undefined) {
        firstId = call.id;
        const hasPaths = isSuccess(await request(callbackId, call.id));
        capabilities.noteFeature("call-paths", hasPaths);
        return hasPaths;
      }
    }
    // There are no calls, so neither way finds any.
    return true;
  }

  /** Returns null if there is no such call. */
  function readAnswer(answer: TransportResponse, callbackId: string, callId: string): ListedCall | null {
    if (isSuccess(answer)) {
      capabilities.noteFeature("call-paths", true);
      const callbackName = api.callbackNames.get(callbackId);
      const call = readCall(api.documentOf(answer), { callbackId, callbackName, timezone });
      capabilities.readCalls([call]);
      // A service may complete ids, or ignore their case or the callback.
      return idKey(call.id) === idKey(callId) && call.callbackId === callbackId ? call : null;
    }
    const error = api.errorOf(answer);
    const isGateways = ["unavailable", "forbidden"].includes(error.code);
    if (!isNotFound(answer) || (isGateways && capabilities.has("call-paths"))) throw error;
    return null;
  }

  /** Returns the call that has exactly the id, or else the only one that has an equal id. Throws `usage` if several have. */
  async function findByListing(callbackId: string, callIds: readonly string[]): Promise<readonly ListedCall[]> {
    const listed = await listEqual(callbackId, callIds);
    const spellings = new Map<string, string[]>(callIds.map((id) => [idKey(id), []]));
    for (const id of listed.keys()) spellings.get(idKey(id))?.push(id);
    const meant = new Set<string>();
    for (const wanted of callIds) {
      const equal = spellings.get(idKey(wanted)) ?? [];
      const ids = equal.includes(wanted) ? [wanted] : equal;
      if (ids.length > 1)
        throw new WhcbError("usage", `several calls have the id ${wanted}: ${ids.slice(0, 5).join(", ")}`, {
          hint: "name one as it is written here",
        });
      for (const id of ids) meant.add(id);
    }
    return [...listed.values()].filter(({ id }) => meant.has(id));
  }

  /** Lists the calls that have these ids or equal ones, until it has each id exactly. */
  async function listEqual(callbackId: string, callIds: readonly string[]): Promise<ReadonlyMap<string, ListedCall>> {
    const keys = new Set(callIds.map(idKey));
    const open = new Set(callIds);
    const listed = new Map<string, ListedCall>();
    const kept = new KeptMemory();
    // PENDING calls come first, so that none is missed that is attempted meanwhile.
    const filters: readonly CallFilter[] = capabilities.has("pending-lists") ? [{ status: "PENDING" }, {}] : [{}];
    for (const filter of filters) {
      for await (const { calls } of listCalls(callbackId, { filter, withPending: true })) {
        for (const call of calls) {
          if (keys.has(idKey(call.id))) listed.set(call.id, keepCall(call, kept));
          open.delete(call.id);
        }
        if (open.size === 0) return listed;
      }
    }
    return listed;
  }

  /** Returns those that exist, in any order. */
  async function findCalls(callbackId: string, callIds: readonly string[]): Promise<readonly ListedCall[]> {
    const ids = [...new Set(callIds)];
    if (ids.length === 0) return [];
    if (capabilities.lacks("call-paths") || ids.length > MAX_SINGLE_REQUESTS) return findByListing(callbackId, ids);
    const found = new Map<string, ListedCall>();
    const kept = new KeptMemory();
    for (const callId of ids) {
      const answer = await request(callbackId, callId);
      if (isNotFound(answer) && !(await hasCallPaths(callbackId))) return findByListing(callbackId, ids);
      const call = readAnswer(answer, callbackId, callId);
      if (call !== null) found.set(call.id, keepCall(call, kept));
    }
    return [...found.values()];
  }

  /** Finds up to MAX_IDS_PER_REQUEST calls. Returns null if the service doesn't tell of several at once. */
  async function findStates(callbackId: string, callIds: readonly string[]): Promise<ReadonlyMap<string, CallState> | null> {
    // No other service is asked: its requests may be counted.
    if (!capabilities.has("exact-lists")) return null;
    const path = `${callbackPath(callbackId)}/call-states?${idQuery(callIds)}`;
    const answer = await api.exchangeFeature("call-states", { method: "GET", path, noun: "call" });
    return answer && new Map(readCallStates(api.documentOf(answer)).map((call) => [call.id, call]));
  }

  /** The platform may make ids of 16 digits, as the first listed id shows. Such an id needs no search for longer ones. */
  async function isWhole(callbackId: string, prefix: string): Promise<boolean> {
    return prefix.length === 16 && !(await hasCallPaths(callbackId)) && firstId.length === 16;
  }

  async function findIdsByListing(callbackId: string, prefixes: readonly string[]): Promise<Map<string, CallIdMatches>> {
    const ids: string[] = [];
    let isLeftOut = false;
    let expected: number | null = null;
    for await (const { calls, leftOut, total } of listCalls(callbackId, {
      filter: {},
      withPending: true,
      limit: MAX_CALLS_LISTED + 1,
    })) {
      ids.push(...calls.map(({ id }) => id));
      isLeftOut ||= leftOut > 0;
      expected ??= total;
    }
    const hasMore = isLeftOut || ids.length > MAX_CALLS_LISTED || ids.length < (expected ?? 0);
    const matchesOf = (prefix: string): CallIdMatches => {
      const isChosen = ids.includes(prefix) && !ids.some(isGeneratedId);
      return { callIds: ids.filter((id) => id === prefix || isCompletionOf(id, prefix)), hasMore: hasMore && !isChosen };
    };
    return new Map(prefixes.map((prefix) => [prefix, matchesOf(prefix)]));
  }

  /**
   * Finds the generated ids that begin with a prefix, or the prefix alone if it is a whole id. `onListing` is called if the service can't
   * look them up, so its newest calls are listed.
   */
  async function findCallIds(
    callbackId: string,
    prefixes: readonly string[],
    onListing?: (calls: number, requests: number) => void,
  ): Promise<ReadonlyMap<string, CallIdMatches>> {
    const found = new Map<string, CallIdMatches>();
    for (const prefix of prefixes) {
      if (await isWhole(callbackId, prefix)) {
        found.set(prefix, { callIds: [prefix], hasMore: false });
        continue;
      }
      const path = `${callbackPath(callbackId)}/call-ids?prefix=${idInUrl(prefix)}`;
      const answer = await api.exchangeFeature("call-ids", { method: "GET", path, noun: "call" });
      if (answer === null) {
        onListing?.(MAX_CALLS_LISTED, Math.ceil(MAX_CALLS_LISTED / capabilities.rowsPerPage));
        const others = prefixes.filter((other) => !found.has(other));
        return new Map([...found, ...(await findIdsByListing(callbackId, others))]);
      }
      const { callIds, hasMore } = objectOf(api.documentOf(answer));
      const ids = listOf(callIds).map(textOf);
      const matching = ids.filter((id) => id === prefix || isCompletionOf(id, prefix));
      found.set(prefix, { callIds: matching, hasMore: hasMore === true });
    }
    return found;
  }

  /** Returns the calls of all callbacks with this id, or a generated one that begins with it. Returns null if the service can't find them. */
  async function findCallPlaces(callId: string): Promise<CallPlaces | null> {
    const path = `/call-ids?id=${encodeURIComponent(callId)}`;
    const answer = await api.exchangeFeature("call-places", { method: "GET", path, noun: "call" });
    if (answer === null) return null;
    const { calls, hasMore } = objectOf(api.documentOf(answer));
    const found = listOf(calls).map((call) => ({ id: textOf(objectOf(call).id), callbackId: textOf(objectOf(call).callbackId) }));
    const matching = found.filter(({ id }) => idKey(id) === idKey(callId) || (isIdPrefix(callId) && isCompletionOf(id, callId)));
    return { calls: matching, hasMore: hasMore === true };
  }

  /** Throws `not-found`. */
  async function getCall(callbackId: string, callId: string): Promise<ListedCall> {
    const [call] = await findCalls(callbackId, [callId]);
    if (call === undefined) throw new WhcbError("not-found", `no call ${callId} in ${callbackId}`);
    return call;
  }

  /** Returns null if the service lists none. */
  async function listAttempts(callbackId: string, callId: string): Promise<readonly ListedAttempt[] | null> {
    if (capabilities.lacks("attempts")) return null;
    const answer = await request(callbackId, callId, "/attempts");
    if (capabilities.isMissing("attempts", answer) || answer.status === 422) return null;
    if (!isSuccess(answer)) throw api.errorOf(answer);
    return readAttempts(api.documentOf(answer), timezone);
  }

  return { findCalls, findStates, findCallIds, findCallPlaces, getCall, listAttempts };
}

/** A call with a message of the usual length takes less. */
const LONG_CALL_BYTES = 8_192;

/** A user may name a million calls, so a service that makes them long is what counts. All of a call's texts are in what was received. */
function keepCall(call: ListedCall, kept: KeptMemory): ListedCall {
  kept.add(Math.max(0, memoryOf(call.raw) - LONG_CALL_BYTES));
  return call;
}

/** No such call and no such path look the same. */
function isNotFound(answer: TransportResponse): boolean {
  return isUnknownRoute(answer) || answer.status === 422;
}
