/** `--via service`: the service makes one attempt per call, in a replay with the run's id. */
import { isWhcbError } from "../../domain/errors.js";
import { chunkIds } from "../../wire/bulk-ids.js";
import { asWhcbError, type RunSession } from "../run-session.js";
import { applyToChunk } from "./marker.js";

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
      const outcomes = applyToChunk(
        chunk,
        (ids) => deps.client.requestReplays(callbackId, ids, session.locks?.lease),
        () => deps.client.getCallback(callbackId),
      );
      for await (const outcome of outcomes) {
        const at = deps.clock.now();
        if (outcome.kind === "done") session.record(callbackId, { step: "requested", calls: outcome.callIds, at });
        else session.record(callbackId, { step: "skipped", call: outcome.callId, at, reason: "settled" });
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

const FIRST_POLL_MS = 100;
const LONGEST_POLL_MS = 1_000;

/** Until it ends or the run is stopped, which stops only the following; else reads once. A service may not offer it. */
export async function followService(untilItEnds: boolean, session: RunSession): Promise<void> {
  const { header, deps, stop } = session;
  try {
    for (let waitMs = FIRST_POLL_MS; ; waitMs = Math.min(LONGEST_POLL_MS, 2 * waitMs)) {
      const sum = { total: 0, succeeded: 0, failed: 0, cancelled: 0, left: 0 };
      for (const { id } of header.callbacks) {
        const replay = await deps.client.findReplay(id, header.runId);
        if (replay === null) continue;
        sum.total += replay.total;
        sum.succeeded += replay.succeeded;
        sum.failed += replay.failed;
        sum.cancelled += replay.cancelled;
        sum.left += replay.left;
      }
      if (sum.total > 0) session.serviceReplayed(sum);
      if (sum.left === 0 || !untilItEnds || stop.reason !== null) return;
      await deps.clock.sleepUntil(deps.clock.now() + waitMs, stop.signal);
    }
  } catch (error) {
    stop.stop("service", asWhcbError(error));
  }
}
