/** All calls that a filter means, each once, before anything is done with one. */
import type { Client, ListedCall } from "../../client/client.js";
import type { CallFilter } from "../../domain/call-filter.js";
import type { RunListener } from "../journal/run-event.js";

/** While one pages by offset, calls that are settled move the rest up: rows are skipped. So it is listed again, so many times at most. */
const MAX_PASSES = 4;

export interface Snapshot {
  readonly calls: number;
  /** Listed by the service although the filter doesn't mean them. */
  readonly leftOut: number;
}

export async function takeSnapshot(
  client: Client,
  { callbackId, filter }: { readonly callbackId: string; readonly filter: CallFilter },
  take: (calls: readonly ListedCall[]) => Promise<void>,
  onEvent: RunListener,
): Promise<Snapshot> {
  const ids = new Set<string>();
  for (let pass = 1; ; pass++) {
    let expected: number | null = null;
    let listed = 0;
    let leftOut = 0;
    for await (const page of client.listCalls(callbackId, { filter })) {
      expected ??= page.total;
      listed += page.calls.length + page.leftOut;
      leftOut += page.leftOut;
      const fresh = page.calls.filter(({ id }) => !ids.has(id));
      for (const { id } of fresh) ids.add(id);
      if (fresh.length > 0) await take(fresh);
      onEvent({ type: "listed", callbackId, calls: ids.size, total: page.total });
    }
    if (expected === null || listed >= expected || pass === MAX_PASSES) return { calls: ids.size, leftOut };
  }
}
