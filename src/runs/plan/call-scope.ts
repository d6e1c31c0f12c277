import type { Client, ListedCall, ListedCallback } from "../../client/client.js";
import { idKey } from "../../domain/call.js";
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

/** Calls that change meanwhile move others between the pages, so rows are skipped: list again, at most this often. */
const MAX_PASSES = 4;

/** Each matching call once. `leftOut`: listed although it doesn't match. */
export async function listScope(
  client: Client,
  { callbackId, filter }: { readonly callbackId: string; readonly filter: CallFilter },
  take: (calls: readonly ListedCall[]) => Promise<void>,
  onEvent: RunListener = () => {},
): Promise<{ readonly leftOut: number }> {
  const ids = new Set<string>();
  for (let pass = 1; ; pass++) {
    const known = ids.size;
    let expected: number | null = null;
    let pages = 0;
    let listed = 0;
    let leftOut = 0;
    for await (const page of client.listCalls(callbackId, { filter })) {
      if (++pages === 1) expected = page.total;
      listed += page.calls.length + page.leftOut;
      leftOut += page.leftOut;
      const fresh = page.calls.filter(({ id }) => !ids.has(idKey(id)));
      for (const { id } of fresh) ids.add(idKey(id));
      if (fresh.length > 0) await take(fresh);
      onEvent({ type: "listed", callbackId, calls: ids.size, total: page.total });
    }
    // Without an exact total, only a pass without a new call shows that none was skipped.
    const isComplete = expected === null ? pages <= 1 || ids.size === known : listed >= expected;
    if (isComplete || pass === MAX_PASSES) return { leftOut };
  }
}
