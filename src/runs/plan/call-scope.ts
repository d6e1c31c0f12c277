import type { ListCallsQuery } from "../../client/call-requests.js";
import type { Client, ListedCall, ListedCallback } from "../../client/client.js";
import { KeptMemory } from "../../client/list-walker.js";
import { type CallStatus, idKey, isGeneratedId } from "../../domain/call.js";
import type { CallFilter } from "../../domain/call-filter.js";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import type { RunListener } from "../journal/run-step.js";

export interface CallScope {
  /** `callbacks` are ids or names. null means all callbacks. */
  readonly callbacks: readonly string[] | null;
  readonly calls: CallSelector;
}

/** Ids are whole. An empty list selects nothing. */
export type CallSelector = { readonly callIds: readonly string[] } | { readonly filter: CallFilter };

/** Returns each callback once. Throws `not-found`. */
export async function callbacksOf({ callbacks }: CallScope, client: Client): Promise<readonly ListedCallback[]> {
  if (callbacks === null) return client.getAllCallbacks();
  const found: ListedCallback[] = [];
  const kept = new KeptMemory();
  for (const idOrName of new Set(callbacks)) found.push(kept.keep(await client.getCallback(idOrName)));
  return [...new Map(found.map((callback) => [callback.id, callback])).values()];
}

/** Returns those of the callbacks that the service still has. */
export async function findAllById(
  callbacks: readonly { readonly id: string }[],
  client: Client,
): Promise<readonly ListedCallback[]> {
  const found: ListedCallback[] = [];
  const kept = new KeptMemory();
  for (const { id } of callbacks) {
    const callback = await findById(id, client);
    if (callback !== null) found.push(kept.keep(callback));
  }
  return found;
}

/** Resolves to null if it was deleted, also if another callback has its id as a name since. */
export async function findById(id: string, client: Client): Promise<ListedCallback | null> {
  const callback = await client.getCallback(id).catch(nullIfGone);
  return callback?.id === id ? callback : null;
}

export function nullIfGone(error: unknown): null {
  if (isWhcbError(error, "not-found")) return null;
  throw error;
}

/** Calls that change meanwhile move others between the pages, so rows are skipped. The list is read at most this often. */
const MAX_PASSES = 4;

export interface UnusableCalls {
  /** `leftOut` counts calls that were listed although they don't match the filter. */
  readonly leftOut: number;
  /** `withoutId` counts calls that can be neither sent nor marked. */
  readonly withoutId: number;
  /** The service counts them, but doesn't list them. */
  readonly unlisted: number;
}

export interface MatchingCallsQuery extends ListCallsQuery {
  readonly callbackId: string;
  /** The rest isn't read if the service seems to ignore the filter: no call of the first page matches. */
  readonly onlyIfFiltered?: boolean;
}

interface Listing {
  readonly client: Client;
  readonly onEvent?: RunListener;
}

/** Gives `take` each matching call once. Calls without an id are apart, and come again with each pass. `kept` counts the ids. */
export async function listMatchingCalls(
  client: Client,
  { callbackId, onlyIfFiltered = false, ...query }: MatchingCallsQuery,
  take: (calls: readonly ListedCall[], withoutId: readonly ListedCall[]) => Promise<void>,
  onEvent: RunListener = () => {},
  kept = new KeptMemory(),
): Promise<UnusableCalls> {
  const ids = new Set<string>();
  for (let pass = 1; ; pass++) {
    const known = ids.size;
    let expected: number | null = null;
    let pages = 0;
    let listed = 0;
    let onLastPage = 0;
    let leftOut = 0;
    let withoutId = 0;
    for await (const page of client.listCalls(callbackId, query)) {
      // A later total counts those that came in meanwhile, which would make up for one that moved to the top.
      if (++pages === 1 || expected !== null) expected = page.total === null ? null : Math.max(expected ?? 0, page.total);
      onLastPage = page.calls.length + page.withoutId.length + page.leftOut;
      if (onlyIfFiltered && pages === 1 && page.leftOut > 0 && page.leftOut === onLastPage) {
        return { leftOut: page.leftOut, withoutId: 0, unlisted: 0 };
      }
      listed += onLastPage;
      leftOut += page.leftOut;
      withoutId += page.withoutId.length;
      const fresh = page.calls.filter(({ id }) => !ids.has(id));
      for (const { id } of fresh) {
        ids.add(id);
        kept.add(id.length);
      }
      if (fresh.length + page.withoutId.length > 0) await take(fresh, page.withoutId);
      onEvent({ type: "listed", callbackId, calls: ids.size, total: page.total });
    }
    // Without an exact total, only a pass without a new call shows that none was skipped, and a link promises a row.
    const promised = expected === null && pages > 1 && onLastPage === 0 ? 1 : 0;
    const unlisted = Math.max(promised, (expected ?? 0) - listed);
    const isComplete = unlisted === 0 && (expected !== null || pages <= 1 || ids.size === known);
    if (isComplete || pass === MAX_PASSES) return { leftOut, withoutId, unlisted };
  }
}

export const NO_UNUSABLE: UnusableCalls = { leftOut: 0, withoutId: 0, unlisted: 0 };

/** Gives `take` each call of the groups that matches, and returns what can't be used of all. */
export async function listFilteredCalls<Group extends { readonly callback: ListedCallback }>(
  { client, onEvent = () => {} }: Listing,
  { groups, filter }: { readonly groups: readonly Group[]; readonly filter: CallFilter },
  take: (calls: readonly ListedCall[], group: Group) => Promise<void>,
): Promise<UnusableCalls> {
  let sum = NO_UNUSABLE;
  const kept = new KeptMemory();
  for (const group of groups) {
    const query = { callbackId: group.callback.id, filter };
    const listed = await listMatchingCalls(client, query, (calls) => take(calls, group), onEvent, kept);
    sum = {
      leftOut: sum.leftOut + listed.leftOut,
      withoutId: sum.withoutId + listed.withoutId,
      unlisted: sum.unlisted + listed.unlisted,
    };
  }
  return sum;
}

/** More calls than this are looked for among those that have the status, before the rest is requested one by one. */
const MAX_SINGLE_CALLS = 50;

/**
 * Gives `take` each call that is named by its whole id once, and returns the ids that no call has. Throws `usage` if two callbacks have a
 * call of one id. Those that `whcb serve` generated differ, so one that is spelled as it was generated isn't looked for in another callback.
 */
export async function listNamedCalls<Group extends { readonly callback: ListedCallback }>(
  { client, onEvent = () => {} }: Listing,
  named: { readonly groups: readonly Group[]; readonly callIds: readonly string[]; readonly status: CallStatus },
  take: (calls: readonly ListedCall[], group: Group) => Promise<void>,
): Promise<readonly string[]> {
  const ids = new Set(named.callIds);
  const foundKeys = new Set<string>();
  const notUnique = new Map<string, ListedCallback>();
  const generatesOnce = client.capabilities.has("exact-lists");
  for (const group of named.groups) {
    const { callback } = group;
    const open = new Set(ids);
    const taken = new Set<string>();
    const takeOpen = async (calls: readonly ListedCall[]): Promise<void> => {
      const found = calls.filter(({ id }) => !taken.has(id));
      for (const { id } of found) {
        const key = idKey(id);
        const other = notUnique.get(key);
        if (other !== undefined && other !== callback) throw inTwoCallbacks(id, other, callback);
        if (!generatesOnce || !isGeneratedId(id) || !ids.delete(id)) notUnique.set(key, callback);
        foundKeys.add(key);
        taken.add(id);
        open.delete(id);
      }
      if (found.length > 0) await take(found, group);
    };
    if (open.size > MAX_SINGLE_CALLS) {
      const { status } = named;
      for await (const { calls, total } of client.listCalls(callback.id, { filter: { status } })) {
        // Only the whole list shows whether one that is spelled otherwise is meant.
        await takeOpen(calls.filter(({ id }) => open.has(id)));
        onEvent({ type: "listed", callbackId: callback.id, calls: foundKeys.size, total });
        if (open.size === 0) break;
      }
    }
    await takeOpen(await client.findCalls(callback.id, [...open]));
  }
  return [...ids].filter((id) => !foundKeys.has(idKey(id)));
}

function inTwoCallbacks(id: string, one: ListedCallback, other: ListedCallback): WhcbError {
  return new WhcbError("usage", `${one.name || one.id} and ${other.name || other.id} both have a call ${id}`, {
    hint: "name the callback before the ids",
  });
}
