/** Shows the progress of a run, writes its ndjson lines, and handles Ctrl-C. */
import { ATTEMPT_DEADLINE_MS } from "../../../domain/attempt.js";
import { formatDuration } from "../../../domain/duration.js";
import type { Clock } from "../../../platform/clock.js";
import { NO_COUNTS } from "../../../runs/journal/run-counts.js";
import type { CallStep, RunCounts, RunEvent, RunHeader, RunListener } from "../../../runs/journal/run-step.js";
import { LONGEST_MARKING_MS } from "../../../runs/run-session.js";
import type { Invocation } from "../../args/command-spec.js";
import type { ServiceTarget } from "../../cli-deps.js";
import { onFirstInterrupt } from "../../on-interrupt.js";
import { openProgress, type ProgressLine } from "../progress-line.js";
import { joinText, safeJson, text } from "../screen-text.js";
import { readText } from "../wait-text.js";
import { resumeCommand } from "./next-step.js";

export interface FollowedRun {
  readonly signal: AbortSignal;
  readonly listener: RunListener;
}

export interface RunToFollow {
  readonly total: number;
  /** Ctrl-C doesn't stop what was requested. */
  readonly viaService?: boolean;
}

/** Returns once every line is written. */
export async function followRun<Result>(
  invocation: Invocation,
  { total, viaService = false }: RunToFollow,
  work: (run: FollowedRun) => Promise<Result>,
): Promise<Result> {
  const { deps, screen } = invocation;
  const line = await openProgress(invocation, "writing the run's journal");
  let steps: RunSteps | null = null;
  let byService: RunProgress | null = null;
  let header: RunHeader | null = null;
  let written: Promise<void> = Promise.resolve();
  const listener = (event: RunEvent): void => {
    if (event.type === "started") {
      header = event.header;
      deps.onRunStarted?.(header.runId);
      steps = new RunSteps(deps.clock, total, event.counts);
      line.show(`${event.counts.toMark > 0 ? "marking" : "sending"}: 0 of ${event.counts.toMark || total}`);
      invocation.progress.advise(`Ctrl-C stops, \`${resumeCommand(header, screen.renderOptions)}\` continues`);
    }
    if (event.type === "replaying") {
      const { left, ...service } = event.service;
      byService ??= new RunProgress(deps.clock, service.total, { ...NO_COUNTS, left: service.total });
      byService.update({ ...NO_COUNTS, left });
      line.show(`the service: ${progressText(byService)}${service.failed > 0 ? `, ${service.failed} failed` : ""}`);
    }
    if (event.type === "stopping") steps?.stopSending();
    if (event.type === "listed") line.show(readText("failed calls", event.calls, event.total));
    if (event.type !== "step") return;
    if (steps !== null) line.show(steps.update(event));
    if (screen.format !== "ndjson") return;
    const lines = joinText(stepLines(event.callbackId, event.step).map((entry) => text`${safeJson(entry)}\n`));
    // A failed write doesn't stop the run; run-command.ts reports it.
    written = written.then(() => screen.out(lines)).catch(() => undefined);
  };
  const interrupted = new AbortController();
  try {
    using _interrupts = onFirstInterrupt(deps.io, () => {
      interrupted.abort();
      const onlyMarks = header?.options === null;
      const rest = viaService ? SERVICE_GOES_ON : onlyMarks ? MARKS_STOP : SENDS_FINISH;
      screen.info(`stopping: ${rest}; press Ctrl-C again to stop at once${onlyMarks ? MAY_BE_EXECUTED : ""}`);
    });
    return await work({ signal: interrupted.signal, listener });
  } finally {
    invocation.progress.advise(null);
    line.clear();
    await written;
  }
}

/** Shows how much of a list is read. */
export function showListed(line: ProgressLine, what: string): RunListener {
  return (event) => {
    if (event.type === "listed") line.show(readText(what, event.calls, event.total));
  };
}

const SERVICE_GOES_ON = "the service goes on with what it was asked to send";
const MARKING_TIME = formatDuration(LONGEST_MARKING_MS);
const MARKS_STOP = `the request in flight finishes (${MARKING_TIME} at most), and nothing more is marked`;
const MAY_BE_EXECUTED = ", though the request may still be executed then";
const SENDS_FINISH = `requests in flight finish (${formatDuration(ATTEMPT_DEADLINE_MS)} at most) and are marked (${MARKING_TIME} more, then they are left for --resume)`;

/** Shows the step that goes on: sending, or, before and after that, marking. */
export class RunSteps {
  readonly #clock: Clock;
  readonly #sending: RunProgress;
  #marking: RunProgress | null = null;
  #counts: RunCounts;
  #hasSent = false;
  #isStopped = false;

  constructor(clock: Clock, total: number, start: RunCounts) {
    this.#clock = clock;
    this.#sending = new RunProgress(clock, total, start);
    this.#counts = start;
  }

  stopSending(): void {
    this.#isStopped = true;
  }

  update({ step, counts }: RunEvent & { readonly type: "step" }): string {
    const before = this.#counts;
    this.#counts = counts;
    this.#hasSent ||= SENT.has(step.step);
    this.#sending.update(counts);
    const isSending = !this.#isStopped && this.#hasSent && openCalls(counts) > 0;
    const isMarking = Math.max(counts.toMark, before.toMark) > 0 || this.#marking !== null;
    if (isSending || !isMarking) {
      this.#marking = null;
      return `sending: ${progressText(this.#sending)}`;
    }
    // What was in flight after Ctrl-C adds to what is to mark.
    const isMore = counts.toMark > before.toMark;
    const start = isMore ? counts : before;
    if (isMore || this.#marking === null)
      this.#marking = new RunProgress(this.#clock, start.toMark, start, ({ toMark }) => toMark);
    this.#marking.update(counts);
    return `marking: ${progressText(this.#marking)}`;
  }
}

const SENT: ReadonlySet<string> = new Set(["accepted", "rejected", "deferred", "requested"]);

function progressText(progress: RunProgress): string {
  const { done, total, perSecond, leftMs } = progress.read();
  const rate = perSecond === null || perSecond === 0 ? "" : `, ${Math.round(perSecond)}/s`;
  const left = leftMs === null ? "" : `, ${formatDuration(leftMs)} left`;
  return `${done} of ${total}${rate}${left}`;
}

/** The ndjson contract has one object per call and step. */
function stepLines(callbackId: string, step: CallStep): readonly Readonly<Record<string, unknown>>[] {
  const line = (id: string, fields: object) => ({ event: step.step, callbackId, id, ...fields });
  switch (step.step) {
    case "accepted":
      return [line(step.call, { statusCode: 200, durationMs: step.ms, resent: step.resent })];
    case "rejected":
      return [line(step.call, { statusCode: step.status, reason: step.message, durationMs: step.ms, resent: step.resent })];
    case "requested":
      return step.calls.map((id) => line(id, {}));
    case "marked":
      return step.calls.map((id) => line(id, { status: step.as, twice: step.twice }));
    case "not-found":
    case "mark-rejected":
      return [line(step.call, { reason: step.message })];
    case "skipped":
      return [line(step.call, { reason: step.reason })];
    default:
      return [];
  }
}

interface Progress {
  readonly done: number;
  readonly total: number;
  /** `perSecond` is of the last seconds. It is null before anything is done, and in the first quarter of a second. */
  readonly perSecond: number | null;
  readonly leftMs: number | null;
}

const WINDOW_MS = 5_000;
const SAMPLE_MS = 250;

export class RunProgress {
  readonly #clock: Clock;
  readonly #total: number;
  readonly #countOpen: (counts: RunCounts) => number;
  readonly #openAtStart: number;
  #done = 0;
  #samples: { readonly atMs: number; readonly done: number }[];

  constructor(clock: Clock, total: number, start: RunCounts, countOpen = openCalls) {
    this.#clock = clock;
    this.#total = total;
    this.#countOpen = countOpen;
    this.#openAtStart = countOpen(start);
    this.#samples = [{ atMs: clock.monotonicMs(), done: 0 }];
  }

  update(counts: RunCounts): void {
    const done = this.#openAtStart - this.#countOpen(counts);
    if (done === this.#done) return;
    this.#done = done;
    const atMs = this.#clock.monotonicMs();
    const last = this.#samples.at(-1);
    if (last !== undefined && atMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push({ atMs, done });
    while (this.#samples.length > 1 && atMs - (this.#samples[0]?.atMs ?? atMs) > WINDOW_MS) this.#samples.shift();
  }

  read(): Progress {
    const done = this.#done;
    const [first] = this.#samples;
    const elapsedMs = first === undefined ? 0 : this.#clock.monotonicMs() - first.atMs;
    const perSecond =
      first !== undefined && elapsedMs >= SAMPLE_MS && done > first.done ? ((done - first.done) * 1_000) / elapsedMs : null;
    return {
      done,
      total: this.#total,
      perSecond,
      leftMs: perSecond === null ? null : Math.max(0, Math.round(((this.#total - done) * 1_000) / perSecond)),
    };
  }
}

function openCalls({ left, unknown }: RunCounts): number {
  return left + unknown;
}

/** The service of a file may not be running. */
export function followsService(target: ServiceTarget, detach: boolean): boolean {
  return target.kind !== "file" && !detach;
}
