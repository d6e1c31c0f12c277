/** Progress line, ndjson lines, Ctrl-C. */
import { formatDuration } from "../../../domain/duration.js";
import type { CallStep, RunEvent, RunListener } from "../../../runs/journal/run-step.js";
import { EXIT_INTERRUPTED } from "../../exit-codes.js";
import type { Invocation } from "../../invocation.js";
import { openProgress } from "../progress-line.js";
import { safeJson } from "../sanitize.js";
import { RunProgress } from "./run-progress.js";

export interface FollowedRun {
  readonly signal: AbortSignal;
  readonly listener: RunListener;
}

/** `total`: calls to settle. Returns once every line is written. */
export async function followRun<Result>(
  invocation: Invocation,
  total: number,
  work: (run: FollowedRun) => Promise<Result>,
): Promise<Result> {
  const { deps, screen } = invocation;
  const line = await openProgress(invocation, `0 of ${total}`);
  let progress: RunProgress | null = null;
  let written: Promise<void> = Promise.resolve();
  const listener = (event: RunEvent): void => {
    if (event.type === "started") progress = new RunProgress(deps.clock, total, event.counts);
    if (event.type !== "step") return;
    progress?.update(event.counts);
    if (progress !== null) line.show(progressText(progress));
    if (screen.format !== "ndjson") return;
    const text = stepLines(event.callbackId, event.step)
      .map((entry) => `${safeJson(entry)}\n`)
      .join("");
    // A failed write doesn't stop the run; run-command.ts reports it.
    written = written.then(() => screen.out(text)).catch(() => undefined);
  };
  try {
    return await withInterrupt(invocation, (signal) => work({ signal, listener }));
  } finally {
    line.clear();
    await written;
  }
}

/** First Ctrl-C: no new sends, the rest finishes. Second: the process ends. */
async function withInterrupt<Result>(
  { deps, screen }: Pick<Invocation, "deps" | "screen">,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  const stopListening = deps.io.onInterrupt(() => {
    if (controller.signal.aborted) return deps.io.exitNow(EXIT_INTERRUPTED);
    controller.abort();
    screen.info("stopping: requests in flight finish and are marked; press Ctrl-C again to stop at once");
  });
  try {
    return await work(controller.signal);
  } finally {
    stopListening();
  }
}

function progressText(progress: RunProgress): string {
  const { done, total, perSecond, leftMs } = progress.read();
  const rate = perSecond === null || perSecond === 0 ? "" : `, ${Math.round(perSecond)}/s`;
  const left = leftMs === null ? "" : `, ${formatDuration(leftMs)} left`;
  return `${done} of ${total}${rate}${left}`;
}

/** The ndjson contract: one object per call and step. */
function stepLines(callbackId: string, step: CallStep): readonly Readonly<Record<string, unknown>>[] {
  const line = (id: string, fields: object) => ({ event: step.step, callbackId, id, ...fields });
  switch (step.step) {
    case "accepted":
      return [line(step.call, { statusCode: 200, durationMs: step.ms })];
    case "rejected":
      return [line(step.call, { statusCode: step.status, reason: step.message, durationMs: step.ms })];
    case "requested":
      return step.calls.map((id) => line(id, {}));
    case "marked":
      return step.calls.map((id) => line(id, { status: step.as }));
    case "not-found":
      return [line(step.call, { reason: step.message })];
    case "skipped":
      return [line(step.call, { reason: step.reason })];
    default:
      return [];
  }
}
