import type { Client, ListedCall, ListedCallback } from "../../client/client.js";
import { type CallStatus, idKey, isGeneratedId } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import type { RunListener } from "../journal/run-step.js";

/** Beyond this, calls are looked for among those that have the status, before they are requested one by one. */
const MAX_SINGLE_CALLS = 50;

/**
 * Gives `take` each call that is named by its whole id once, and returns the ids that no call has. Throws `usage` if two callbacks have a
 * call of an id that a sender chose, or that is spelled otherwise; generated ids differ.
 */
export async function takeNamedCalls<Group extends { readonly callback: ListedCallback }>(
  { client, onEvent = () => {} }: { readonly client: Client; readonly onEvent?: RunListener },
  named: { readonly groups: readonly Group[]; readonly callIds: readonly string[]; readonly status: CallStatus },
  take: (calls: readonly ListedCall[], group: Group) => Promise<void>,
): Promise<readonly string[]> {
  const ids = new Set(named.callIds);
  const foundKeys = new Set<string>();
  const notUnique = new Map<string, ListedCallback>();
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
        if (!isGeneratedId(id) || !ids.delete(id)) notUnique.set(key, callback);
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
