import type { ListedCall, ListedCallback } from "../client/client.js";
import { idKey } from "../domain/call.js";
import { count } from "../domain/count.js";
import { WhcbError } from "../domain/errors.js";
import type { ArrivedCalls } from "./journal/other-runs.js";
import { isOpen, type RunState } from "./journal/run-state.js";
import { readRunState } from "./journal/stored-runs.js";
import { listMatchingCalls } from "./plan/call-scope.js";
import { GroupDraft } from "./plan/replay-plan.js";
import type { SnapshotFile } from "./plan/snapshot-file.js";
import type { RunSession } from "./run-session.js";

export interface RelistOptions {
  readonly file: SnapshotFile;
  readonly arrived: ArrivedCalls;
  readonly resendUnknown: boolean;
}

/**
 * Returns the open and unknown calls that are still FAILED, and records the others as settled. What has arrived by other runs stays left.
 */
export async function relistCalls(
  callback: ListedCallback,
  state: RunState,
  { file, arrived, resendUnknown }: RelistOptions,
  session: RunSession,
): Promise<GroupDraft> {
  const { client, clock } = session.deps;
  const callbackId = callback.id;
  const draft = new GroupDraft(callback, file, session.deps);
  const entries = [...state.entries()].filter((entry) => entry.callbackId === callbackId);
  const waiting = new Map(entries.filter((entry) => isOpen(entry, true)).map((entry) => [entry.id, entry]));
  if (waiting.size === 0) return draft;
  const take = async (calls: readonly ListedCall[]): Promise<void> => {
    const failed = calls.filter(({ id }) => {
      const entry = waiting.get(id);
      waiting.delete(id);
      return entry !== undefined && isOpen(entry, resendUnknown);
    });
    await draft.add(arrived.leaveOut(callbackId, failed));
  };
  const { unlisted } = await listMatchingCalls(client, { callbackId, filter: { status: "FAILED" } }, take);
  if (waiting.size > 0) {
    // Rows move while a list is read, so what it lacks may be FAILED all the same.
    const asked = [...waiting.values()].map(({ id }) => id);
    const found = await client.findCalls(callbackId, asked);
    if (unlisted > 0 && found.length < asked.length) {
      throw new WhcbError(
        "unavailable",
        `${count(asked.length - found.length, "call")} counted by the service, but not listed: FAILED or not, isn't known`,
      );
    }
    // It has null if the run has several calls whose ids are equal: one that is spelled otherwise may be yet another.
    const idOfKey = new Map<string, string | null>();
    for (const { id } of entries) idOfKey.set(idKey(id), idOfKey.has(idKey(id)) ? null : id);
    const failed = found.filter(({ status }) => status === "FAILED");
    await take(failed.map((call) => (waiting.has(call.id) ? call : { ...call, id: idOfKey.get(idKey(call.id)) ?? call.id })));
  }
  for (const { id: call, state: from } of waiting.values()) {
    session.record(callbackId, { step: "skipped", call, at: clock.now(), reason: "settled" }, from);
  }
  session.leaveToOthers(callbackId, arrived.unmarkedRuns(callbackId));
  return draft;
}

/** The callback was deleted: a resumed run doesn't try its calls again. */
export async function giveUpCallback(callbackId: string, session: RunSession): Promise<void> {
  const { deps, journal, header } = session;
  await journal.flush();
  const { state } = await readRunState(deps.runsDirectory, header.runId);
  for (const entry of state.entries()) {
    if (entry.callbackId !== callbackId || !(isOpen(entry, true) || entry.needsMark)) continue;
    const message = "the callback no longer exists";
    session.record(callbackId, { step: "not-found", call: entry.id, at: deps.clock.now(), message }, entry.state);
  }
}
