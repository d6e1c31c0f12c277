import { commandLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import { type CallScope, callbacksOf } from "../../../runs/plan/call-scope.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import type { RunLocks } from "../../../runs/run-locks.js";
import {
  callbacksToUndo,
  discardUndone,
  type MarkPlan,
  planMarks,
  planUndo,
  runMarks,
  waitForLastRequest,
} from "../../../runs/run-marks.js";
import { missingCalls, readCallOperands, toCallScope } from "../../args/call-operands.js";
import type { Invocation } from "../../args/command-spec.js";
import { writeJson } from "../../output/json-fields.js";
import { openProgress } from "../../output/progress-line.js";
import { followRun, showListed } from "../../output/run/follow-run.js";
import { undoWords } from "../../output/run/next-step.js";
import { describeLeftOut, warnOfUnusableCalls } from "../../output/run/plan-text.js";
import { finishRun } from "../../output/run/run-summary.js";
import type { RenderOptions } from "../../output/screen.js";
import { joinText, safeJson, text } from "../../output/screen-text.js";
import { formatInstant } from "../../output/times.js";
import { openRunDeps } from "../../settings/open-run-deps.js";
import { withSession } from "../../settings/session.js";
import { confirmRun, requireNoneBusy, takeLocks } from "../../settings/take-locks.js";
import type { MarkFlags } from "./command.js";

type MarkInvocation = Invocation<MarkFlags["success"] | MarkFlags["failed"]>;

export function markSuccess(invocation: Invocation<MarkFlags["success"]>): Promise<void> {
  return markCalls(invocation, { status: "SUCCESS", from: "FAILED", isFiltered: invocation.values.failed, flag: "--failed" });
}

export function markFailed(invocation: Invocation<MarkFlags["failed"]>): Promise<void> {
  const { success, undo, wait } = invocation.values;
  return markCalls(invocation, { status: "FAILED", from: "SUCCESS", isFiltered: success, flag: "--success", undone: undo, wait });
}

interface Marking {
  readonly status: "SUCCESS" | "FAILED";
  readonly from: "SUCCESS" | "FAILED";
  readonly isFiltered: boolean;
  readonly flag: string;
  readonly undone?: string | undefined;
  readonly wait?: boolean;
}

const CONNECTIONS = 4;

async function markCalls(invocation: MarkInvocation, marking: Marking): Promise<void> {
  const { args, values, screen } = invocation;
  const { undone } = marking;
  if (undone !== undefined && args.operands.length > 0)
    throw new WhcbError("usage", "--undo takes its callback and calls from the run");
  const operands = undone === undefined ? await readCallOperands(invocation, marking) : null;
  return withSession(invocation, async (session) => {
    await using runDeps = await openRunDeps(invocation, session, { maxConnections: CONNECTIONS });
    const scope = operands && (await toCallScope(operands, session, marking.from, invocation));
    if (undone !== undefined && !values.dryRun) {
      await waitForLastRequest(undone, runDeps, (runId, until) => {
        const end = formatInstant(until, screen.renderOptions.utc);
        screen.info(`the last request of run ${runId} may still be executed: waiting until ${end}; Ctrl-C ends this command`);
      });
    }
    const job = { status: marking.status, scope, undone: undone ?? "", runDeps };
    if (marking.status === "SUCCESS" || values.dryRun) return await planAndMark(invocation, job);
    // What another run delivers meanwhile must not become FAILED: the next replay would send it twice.
    const callbacks = await (scope === null ? callbacksToUndo(job.undone, runDeps) : callbacksOf(scope, runDeps.client));
    await using taken = await takeLocks(invocation, {
      callbacks,
      runDeps,
      wait: marking.wait === true,
      needsAll: scope === null,
    });
    const { locks } = taken;
    const locked = locks.locked(callbacks).map(({ id }) => id);
    await planAndMark(invocation, { ...job, scope: scope && { ...scope, callbacks: locked }, locks });
    requireNoneBusy(locks);
  });
}

interface MarkJob {
  readonly status: "SUCCESS" | "FAILED";
  /** `scope` is null for an undo. */
  readonly scope: CallScope | null;
  readonly undone: string;
  readonly runDeps: RunDeps;
  readonly locks?: RunLocks;
}

async function planAndMark(invocation: MarkInvocation, { status, scope, undone, runDeps, locks }: MarkJob): Promise<void> {
  const { values, screen } = invocation;
  const progress = await openProgress(invocation, "reading calls");
  const planning = scope === null ? planUndo(undone, runDeps) : planMarks(scope, status, runDeps, showListed(progress, "calls"));
  const plan = await planning.finally(() => progress.clear());
  warnOfUnusableCalls(plan, screen);
  const run = { ...plan, ...(locks && { runId: locks.runId }) };
  const control = locks === undefined ? {} : { locks };
  const markNothing = async (shown: MarkPlan): Promise<void> => {
    // The undo is recorded: that of the other run takes the calls back then.
    if (plan.markedBy.size > 0 && !values.dryRun) await runMarks(run, control, runDeps);
    nothingToMark(shown, scope === null, screen);
  };
  if (plan.calls === 0 && plan.toDiscard === null) return markNothing(plan);
  const description = describeMarks(plan, screen.renderOptions);
  if (values.dryRun) return showMarks(plan, description, screen);
  const question = plan.calls === 0 ? "Discard the run?" : `Mark ${count(plan.calls, "call")} ${plan.status}?`;
  const asked = joinText([...description, question], "\n");
  if (!(await confirmRun(invocation, asked, { client: runDeps.client, locks }))) return;
  if (values.yes && plan.calls > 0 && plan.delivered > 0)
    for (const line of describeUnmarked(plan, screen.renderOptions)) screen.info(line);
  await discardUndone(plan, runDeps);
  if (plan.toDiscard !== null) screen.info(`run ${plan.toDiscard.runId} is discarded`);
  if (plan.calls === 0) return markNothing({ ...plan, toDiscard: null });
  const summary = await followRun(invocation, { total: plan.calls }, ({ signal, listener }) =>
    runMarks(run, { signal, ...control }, runDeps, listener),
  );
  await finishRun(summary, screen);
  if (plan.missing.length > 0) throw missingCalls(plan.missing, "items-failed");
}

function nothingToMark(plan: MarkPlan, isUndo: boolean, screen: Invocation["screen"]): void {
  const leftOut = describeUnmarked({ ...plan, missing: [] }, screen.renderOptions);
  const why = leftOut.length > 0 ? "" : isUndo ? ": the run marked no calls" : ": no call matches";
  screen.info(joinText([`nothing to ${isUndo ? "undo" : "mark"}${why}`, ...leftOut], "\n"));
  if (plan.missing.length > 0) throw missingCalls(plan.missing, "not-found");
}

function describeMarks(plan: MarkPlan, options: RenderOptions): readonly string[] {
  const groups = plan.groups.map(
    ({ callback, callIds }) => `${count(callIds.length, "call")} of ${callback.name} -> ${plan.status}`,
  );
  return [
    ...groups,
    ...describeUnmarked(plan, options),
    ...(plan.status === "FAILED" && plan.calls > 0 ? ["they aren't retried: `whcb replay` sends them"] : []),
  ];
}

function describeUnmarked(plan: MarkPlan, { serviceFlags }: RenderOptions): readonly string[] {
  const { already, delivered, markedBy, status, toDiscard } = plan;
  const accepted = [...markedBy.values()].reduce((rest, calls) => rest - calls, delivered);
  const byRuns = Array.from(markedBy, ([{ runId, kind, counts }, calls]) => {
    const undo = commandLine(undoWords(runId, serviceFlags));
    const hint = kind === "mark-success" ? `; if that was wrong, too: ${undo}` : "";
    // It was killed, or the service failed, before its mark was answered.
    const has = counts.marked === 0 ? "may have" : "has";
    return `${count(calls, "call")} left out: run ${runId} ${has} marked ${calls === 1 ? "it" : "them"} since${hint}`;
  });
  return [
    ...(already > 0 ? [`${count(already, "call")} left out: already ${status}`] : []),
    ...(accepted > 0 ? [`${count(accepted, "call")} left out: the endpoint has accepted ${accepted === 1 ? "it" : "them"}`] : []),
    ...byRuns,
    ...(toDiscard === null ? [] : [`the run is discarded: it won't mark the ${count(toDiscard.counts.toMark, "call")} left`]),
    ...describeLeftOut({ ...NOTHING_ELSE, ...plan }),
  ];
}

async function showMarks(plan: MarkPlan, description: readonly string[], screen: Invocation["screen"]): Promise<void> {
  if (screen.format === "ndjson") {
    for (const { callback, callIds } of plan.groups) {
      const line = (id: string) => safeJson({ event: "planned", callbackId: callback.id, id, status: plan.status });
      await screen.out(joinText(callIds.map((id) => text`${line(id)}\n`)));
    }
    return;
  }
  if (screen.format === "json") {
    const callbacks = plan.groups.map(({ callback, callIds }) => ({
      id: callback.id,
      name: callback.name,
      calls: callIds.length,
    }));
    const document = {
      dryRun: true,
      status: plan.status,
      calls: plan.calls,
      leftOut: plan.leftOut,
      withoutId: plan.withoutId,
      unlisted: plan.unlisted,
      already: plan.already,
      delivered: plan.delivered,
      missing: plan.missing,
      callbacks,
    };
    await writeJson(document, screen);
    return;
  }
  await screen.out(text`${joinText(description, "\n")}\n`);
  screen.info("dry run: nothing was marked");
}

const NOTHING_ELSE = { notFailed: 0, skippedRetrying: 0, unmarked: [] };
