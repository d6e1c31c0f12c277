import type { ListedCall, ListedCallback } from "../client/client.js";
import { idFinder } from "../domain/call.js";
import { count } from "../domain/count.js";
import { WhcbError } from "../domain/errors.js";
import { ArrivedCalls } from "./journal/arrived-calls.js";
import { isOpen, type RunState } from "./journal/run-state.js";
import { readRunState } from "./journal/stored-runs.js";
import { listMatchingCalls } from "./plan/call-scope.js";
import { createReplayPlan, GroupDraft, type ReplayPlan } from "./plan/replay-plan.js";
import { SnapshotFile } from "./plan/snapshot-file.js";
import type { RunOptions, RunSession } from "./run-session.js";

/** Lists the calls of the callbacks that are still to be sent, and keeps their bodies on disk until `send` has ended. */
export async function relistAndSend(
  callbacks: readonly ListedCallback[],
  state: RunState,
  options: RunOptions,
  session: RunSession,
  send: (plan: ReplayPlan) => Promise<void>,
): Promise<void> {
  const { deps, header } = session;
  const { runId } = header;
  const file = await SnapshotFile.open(deps.runsDirectory, `${runId}-again`, options);
  try {
    // If nothing is sent, it doesn't matter that the journal of another run can't be read.
    const arrived = await ArrivedCalls.read({ runId, mark: options.mark && callbacks.length > 0 }, callbacks, deps);
    const drafts: GroupDraft[] = [];
    for (const callback of callbacks) {
      const draft = new GroupDraft(callback, file, deps);
      await relistCalls(draft, state, { arrived, resendUnknown: options.resendUnknown === true }, session);
      drafts.push(draft);
    }
    await send(createReplayPlan({ runId, drafts, file }));
  } finally {
    await file.close();
  }
}

/**
 * Adds the open and unknown calls that are still FAILED, and records the others as settled. What has arrived by other runs stays left.
 */
async function relistCalls(
  draft: GroupDraft,
  state: RunState,
  { arrived, resendUnknown }: { readonly arrived: ArrivedCalls; readonly resendUnknown: boolean },
  session: RunSession,
): Promise<void> {
  const { client, clock } = session.deps;
  const callbackId = draft.callback.id;
  const entries = [...state.entries()].filter((entry) => entry.callbackId === callbackId);
  const waiting = new Map(entries.filter((entry) => isOpen(entry, true)).map((entry) => [entry.id, entry]));
  if (waiting.size === 0) return;
  const take = async (calls: readonly ListedCall[]): Promise<void> => {
    const failed = calls.filter(({ id }) => {
      const entry = waiting.get(id);
      waiting.delete(id);
      return entry !== undefined && isOpen(entry, resendUnknown);
    });
    await draft.add(arrived.leaveOut(callbackId, failed));
  };
  const { unlisted } = await listMatchingCalls(client, { callbackId, filter: { status: "FAILED" } }, take, session.report);
  if (waiting.size > 0) {
    // Rows move while a list is read, so what it lacks may be FAILED all the same.
    const asked = [...waiting.values()].map(({ id }) => id);
    const found = await client.findCalls(callbackId, asked);
    if (unlisted > 0 && found.length < asked.length) {
      const calls = count(asked.length - found.length, "call");
      throw new WhcbError("unavailable", `${calls} counted by the service, but not listed: FAILED or not, isn't known`);
    }
    const findId = idFinder(entries.map(({ id }) => id));
    const failed = found.filter(({ status }) => status === "FAILED");
    await take(failed.map((call) => ({ ...call, id: findId(call.id) ?? call.id })));
  }
  for (const { id: call, state: from } of waiting.values()) {
    session.record(callbackId, { step: "skipped", call, at: clock.now(), reason: "settled" }, from);
  }
  session.leaveToOthers(callbackId, arrived.unmarkedRuns(callbackId));
}

/** The callback was deleted: a resumed run doesn't send its calls. Those to mark stay so, in case it is listed again: they may have arrived. */
export async function giveUpCallback(callbackId: string, session: RunSession): Promise<void> {
  const { deps, journal, header } = session;
  await journal.flush();
  const { state } = await readRunState(deps.runsDirectory, header.runId);
  for (const entry of state.entries()) {
    if (entry.callbackId !== callbackId || !isOpen(entry, true)) continue;
    const message = "the callback no longer exists";
    session.record(callbackId, { step: "not-found", call: entry.id, at: deps.clock.now(), message }, entry.state);
  }
}
