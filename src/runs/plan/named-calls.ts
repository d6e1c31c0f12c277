import type { Client, ListedCall, ListedCallback } from "../../client/client.js";
import { type CallStatus, idKey, isGeneratedId } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import type { RunListener } from "../journal/run-step.js";

/** Beyond this, calls are looked for among those that have the status, before they are requested one by one. */
const MAX_SINGLE_CALLS = 50;

/**
 * Gives `take` each call that is named by its whole id, and returns the ids that no call has. Throws `usage` if two callbacks have a call of
 * an id that a sender chose; generated ids differ.
 */
export async function takeNamedCalls<Group extends { readonly callback: ListedCallback }>(
  { client, onEvent = () => {} }: { readonly client: Client; readonly onEvent?: RunListener },
  named: { readonly groups: readonly Group[]; readonly callIds: readonly string[]; readonly status: CallStatus },
  take: (calls: readonly ListedCall[], group: Group) => Promise<void>,
): Promise<readonly string[]> {
  const missing = new Map(named.callIds.map((id) => [idKey(id), id]));
  const chosen = new Map<string, { readonly id: string; readonly callback: ListedCallback }>();
  for (const group of named.groups) {
    const { callback } = group;
    const open = new Map([...missing, ...[...chosen].map(([key, { id }]) => [key, id] as const)]);
    const takeOpen = async (calls: readonly ListedCall[]): Promise<void> => {
      const found = calls.filter(({ id }) => open.delete(idKey(id)));
      for (const { id } of found) {
        const other = chosen.get(idKey(id));
        if (other !== undefined) throw inTwoCallbacks(id, other.callback, callback);
        if (!isGeneratedId(id)) chosen.set(idKey(id), { id, callback });
        missing.delete(idKey(id));
      }
      if (found.length > 0) await take(found, group);
    };
    if (open.size > MAX_SINGLE_CALLS) {
      const { status } = named;
      for await (const { calls, total } of client.listCalls(callback.id, { filter: { status } })) {
        // Only the whole list shows whether one that is spelled otherwise is meant.
        await takeOpen(calls.filter(({ id }) => open.get(idKey(id)) === id));
        onEvent({ type: "listed", callbackId: callback.id, calls: named.callIds.length - missing.size, total });
        if (open.size === 0) break;
      }
    }
    await takeOpen(await client.findCalls(callback.id, [...open.values()]));
  }
  return [...missing.values()];
}

function inTwoCallbacks(id: string, one: ListedCallback, other: ListedCallback): WhcbError {
  return new WhcbError("usage", `${one.name || one.id} and ${other.name || other.id} both have a call ${id}`, {
    hint: "name the callback before the ids",
  });
}
