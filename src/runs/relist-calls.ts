/** Lists the calls again that a run still has to send: what was settled in the meantime isn't sent. */
import type { ListedCall, ListedCallback } from "../client/client.js";
import type { RunEntry } from "./journal/run-state.js";
import { listScope } from "./plan/call-scope.js";
import { GroupDraft } from "./plan/group-draft.js";
import type { SnapshotFile } from "./plan/snapshot-file.js";
import type { RunSession } from "./run-session.js";

export function isOpen(entry: RunEntry): boolean {
  return entry.do !== "mark" && (entry.state === "left" || entry.state === "unknown");
}

/** Of the open calls, those that are still FAILED; the others are recorded as settled. */
export async function relistCalls(
  callback: ListedCallback,
  open: readonly RunEntry[],
  { file, resendUnknown }: { readonly file: SnapshotFile; readonly resendUnknown: boolean },
  session: RunSession,
): Promise<GroupDraft> {
  const { client, clock } = session.deps;
  const callbackId = callback.id;
  const draft = new GroupDraft(callback, file, clock);
  const waiting = new Map(open.map((entry) => [entry.id, entry]));
  const take = async (calls: readonly ListedCall[]): Promise<void> => {
    const failed = calls.flatMap((call) => {
      const entry = waiting.get(call.id);
      waiting.delete(call.id);
      return entry !== undefined && (entry.state === "left" || resendUnknown) ? [call] : [];
    });
    await draft.add(failed);
  };
  await listScope(client, { callbackId, filter: { status: "FAILED" } }, take);
  for (const { id: call, state: from } of waiting.values()) {
    session.record(callbackId, { step: "skipped", call, at: clock.now(), reason: "settled" }, from);
  }
  return draft;
}
