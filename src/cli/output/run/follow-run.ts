/** Follows a run's events: a progress line for people, one line per call for -o ndjson. */
import { resultMessage } from "../../../domain/attempt.js";
import { formatDuration } from "../../../domain/duration.js";
import type { RunEvent, RunListener } from "../../../runs/journal/run-event.js";
import { RunProgress } from "../../../runs/run-progress.js";
import type { Invocation } from "../../invocation.js";
import type { ProgressLine } from "../progress-line.js";
import { safeJson } from "../sanitize.js";
import { OutputClosed } from "../screen.js";

export interface RunFollower {
  readonly listener: RunListener;
  /** Waits until every line is written. */
  flush(): Promise<void>;
}

export function followRun({ screen, deps }: Pick<Invocation, "screen" | "deps">, total: number, line: ProgressLine): RunFollower {
  const progress = new RunProgress(deps.clock, total);
  let written: Promise<void> = Promise.resolve();
  return {
    listener(event) {
      progress.add(event);
      const { done, perSecond, leftMs } = progress.read();
      const rate = perSecond === null || perSecond === 0 ? "" : `, ${Math.round(perSecond)}/s`;
      const left = leftMs === null ? "" : `, ${formatDuration(leftMs)} left`;
      line.show(`${done} of ${total}${rate}${left}`);
      if (screen.format !== "ndjson") return;
      const text = eventLines(event)
        .map((entry) => `${safeJson(entry)}\n`)
        .join("");
      // A reader that has gone doesn't stop a run that is under way.
      written = written.then(() => screen.out(text)).catch(ignoreClosed);
    },
    flush: () => written,
  };
}

/** The ndjson contract: one object per call and step. */
function eventLines(event: RunEvent): readonly Readonly<Record<string, unknown>>[] {
  switch (event.type) {
    case "accepted":
      return [
        { event: "accepted", callbackId: event.callbackId, id: event.callId, statusCode: 200, durationMs: event.durationMs },
      ];
    case "refused": {
      const statusCode = event.result.kind === "answered" ? event.result.statusCode : null;
      const reason = resultMessage(event.result);
      return [
        { event: "refused", callbackId: event.callbackId, id: event.callId, statusCode, reason, durationMs: event.durationMs },
      ];
    }
    case "requested":
      return event.callIds.map((id) => ({ event: "requested", callbackId: event.callbackId, id }));
    case "marked":
      return event.callIds.map((id) => ({ event: "marked", callbackId: event.callbackId, id, status: event.status }));
    case "unmarkable":
    case "skipped":
      return [{ event: event.type, callbackId: event.callbackId, id: event.callId, reason: event.reason }];
    default:
      return [];
  }
}

function ignoreClosed(error: unknown): void {
  if (!(error instanceof OutputClosed)) throw error;
}
