import type { ListCallsQuery } from "../../client/call-requests.js";
import type { Client, ListedCall, ListedCallback } from "../../client/client.js";
import { KeptLength } from "../../client/list-walker.js";
import type { CallFilter } from "../../domain/call-filter.js";
import type { RunListener } from "../journal/run-step.js";

export interface CallScope {
  /** Ids or names; null: all callbacks. */
  readonly callbacks: readonly string[] | null;
  readonly calls: CallSelector;
}

/** Whole ids or a filter. An empty list selects nothing. */
export type CallSelector = { readonly callIds: readonly string[] } | { readonly filter: CallFilter };

/** Each once. Throws `not-found`. */
export async function callbacksOf(
  { callbacks }: Pick<CallScope, "callbacks">,
  client: Client,
): Promise<readonly ListedCallback[]> {
  if (callbacks === null) return client.getAllCallbacks();
  const found: ListedCallback[] = [];
  for (const idOrName of new Set(callbacks)) found.push(await client.getCallback(idOrName));
  return [...new Map(found.map((callback) => [callback.id, callback])).values()];
}

/** Calls that change meanwhile move others between the pages, so rows are skipped: the list is read again, at most this often. */
const MAX_PASSES = 4;

/** How many listed calls can't be used, and why. */
export interface UnusableCalls {
  /** Listed although they don't match the filter. */
  readonly leftOut: number;
  /** They can be neither sent nor marked. */
  readonly withoutId: number;
  /** Counted by the service, but not listed. */
  readonly unlisted: number;
}

/** Gives `take` each matching call once. Calls without an id are apart, and come again with each pass. */
export async function listScope(
  client: Client,
  { callbackId, ...query }: { readonly callbackId: string } & Pick<ListCallsQuery, "filter" | "withPending" | "oldestFirst">,
  take: (calls: readonly ListedCall[], withoutId: readonly ListedCall[]) => Promise<void>,
  onEvent: RunListener = () => {},
): Promise<UnusableCalls> {
  const ids = new Set<string>();
  const kept = new KeptLength();
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
