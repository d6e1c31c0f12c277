/** With `--via service`, the service makes one attempt per call, in a replay with the run's id. */
import { idKey } from "../../domain/call.js";
import { count } from "../../domain/count.js";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import { chunkIds } from "../../wire/bulk-ids.js";
import type { RunState } from "../journal/run-state.js";
import { asWhcbError, type RunSession } from "../run-session.js";
import { applyToChunk } from "./apply-to-chunk.js";

export async function askService(
  callbackId: string,
  callIds: Iterable<string> | AsyncIterable<string>,
  session: RunSession,
): Promise<void> {
  const { journal, deps, stop } = session;
  for await (const chunk of chunkIds(callIds)) {
    if (stop.reason !== null) return;
    try {
      await session.writeAhead(chunk);
      const settled = new Set<string>();
      const outcomes = applyToChunk(
        chunk,
        async (ids) => {
          for (const id of await requestReplays(callbackId, ids, session)) settled.add(id);
        },
        () => deps.client.getCallback(callbackId),
      );
      for await (const outcome of outcomes) {
        const at = deps.clock.now();
        const ids = outcome.kind === "done" ? outcome.callIds : [outcome.callId];
        const requested = outcome.kind === "done" ? ids.filter((id) => !settled.has(id)) : [];
        if (requested.length > 0) session.record(callbackId, { step: "requested", calls: requested, at });
        for (const call of ids.filter((id) => !requested.includes(id)))
          session.record(callbackId, { step: "skipped", call, at, reason: "settled" });
      }
    } catch (error) {
      if (isWhcbError(error, "not-found")) {
        session.recordIdle();
        return session.stopOf(callbackId).stop("gone");
      }
      stop.stop(journal.failure === null ? "service" : "journal", asWhcbError(error));
    }
  }
}

/** Returns the calls that had been settled before. Throws `unavailable` if the service leaves out others. */
async function requestReplays(callbackId: string, callIds: readonly string[], session: RunSession): Promise<readonly string[]> {
  const { client } = session.deps;
  const accepted = await client.requestReplays(callbackId, callIds, session.locks?.lease).catch(async (error: unknown) => {
    if (!isLost(error)) throw error;
    if (await wereAsked(callbackId, callIds.length, session).catch(() => false)) return callIds.length;
    throw new WhcbError(error.code, `${error.message}; the service may have begun to send ${count(callIds.length, "call")}`, {
      cause: error,
      hint: "A resumed run first looks at what the service has of it, and doesn't ask for that again.",
    });
  });
  const others = Math.max(0, callIds.length - accepted);
  if (others === 0) return [];
  const found = await client.findCalls(callbackId, callIds);
  const failed = new Set(found.filter(({ status }) => status === "FAILED").map(({ id }) => idKey(id)));
  // What was accepted may have been delivered since, so there may be more of them.
  const settled = callIds.filter((id) => !failed.has(idKey(id))).slice(0, others);
  if (settled.length === others) return settled;
  throw new WhcbError("unavailable", `${client.name} accepted ${accepted} of ${count(callIds.length, "call")} for a replay`);
}

/** The service may have executed the request all the same. */
function isLost(error: unknown): error is WhcbError {
  return isWhcbError(error, "network") || isWhcbError(error, "unavailable");
}

/** Returns whether the run's replay has so many calls that the service hasn't said it accepted. */
async function wereAsked(callbackId: string, calls: number, session: RunSession): Promise<boolean> {
  const replay = await session.deps.client.findReplay(callbackId, session.header.runId);
  return replay !== null && replay.total >= session.counts(callbackId).requested + calls;
}

/** Records what a session before this one has asked for whose answer was lost, so that nothing is asked for twice. */
export async function recordLostRequests(state: RunState, session: RunSession): Promise<void> {
  for (const { id: callbackId } of session.header.callbacks) {
    const lost = [...state.entries()].filter((entry) => entry.callbackId === callbackId && entry.isMaybeAsked);
    if (lost.length === 0 || !(await wereAsked(callbackId, lost.length, session))) continue;
    for (const { id, state: from } of lost) {
      const step = { step: "requested", calls: [id], at: session.deps.clock.now() } as const;
      session.record(callbackId, step, from);
      state.apply(step);
    }
  }
}

const FIRST_POLL_MS = 100;
const LONGEST_POLL_MS = 1_000;

/**
 * Follows the replay until it ends or the run is stopped, which stops only the following. Otherwise reads it once. A service may have none.
 */
export async function followService(untilItEnds: boolean, session: RunSession): Promise<void> {
  const { header, deps, stop } = session;
  try {
    for (let waitMs = FIRST_POLL_MS; ; waitMs = Math.min(LONGEST_POLL_MS, 2 * waitMs)) {
      const sum = { total: 0, succeeded: 0, failed: 0, settled: 0, cancelled: 0, left: 0 };
      for (const { id } of header.callbacks) {
        const replay = await deps.client.findReplay(id, header.runId);
        if (replay === null) continue;
        sum.total += replay.total;
        sum.succeeded += replay.succeeded;
        sum.failed += replay.failed;
        // Nobody cancelled this one, so its calls were marked or erased.
        sum[replay.state === "cancelled" ? "cancelled" : "settled"] += replay.cancelled;
        sum.left += replay.left;
      }
      if (sum.total > 0) session.reportServiceCounts(sum);
      if (sum.left === 0 || !untilItEnds || stop.reason !== null) return;
      await deps.clock.sleepUntil(deps.clock.now() + waitMs, stop.signal);
    }
  } catch (error) {
    stop.stop("service", asWhcbError(error));
  }
}
