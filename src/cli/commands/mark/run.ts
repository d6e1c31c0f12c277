import { callbackOperand, commandLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { advise, WhcbError } from "../../../domain/errors.js";
import { ONLY_UNDONE, requireMarkedHere } from "../../../runs/check-service.js";
import { type RunOverview, readRun } from "../../../runs/journal/stored-runs.js";
import { waitForLastRequest, waitForLateMarks } from "../../../runs/late-marks.js";
import { latestRunToUndo } from "../../../runs/latest-marks.js";
import type { MarkGroup } from "../../../runs/mark-group.js";
import { type CallScope, callbacksOf } from "../../../runs/plan/call-scope.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import { describeBusy, findBusy, type RunLocks } from "../../../runs/run-locks.js";
import { callbacksToUndo, discardUndone, type MarkPlan, planMarks, planUndo, runMarks } from "../../../runs/run-marks.js";
import type { TypedAt } from "../../../runs/settled-calls.js";
import {
  type CallOperands,
  missingCalls,
  readCallOperands,
  requireNoHeading,
  sureOfCallbacks,
  toCallScope,
} from "../../args/call-operands.js";
import type { Invocation } from "../../args/command-spec.js";
import { writeJson } from "../../output/json-fields.js";
import { countFailed, describeAnswers, describeCodes } from "../../output/outage-text.js";
import { openProgress } from "../../output/progress-line.js";
import { canAsk, YES } from "../../output/questions.js";
import { followRun, showListed } from "../../output/run/follow-run.js";
import { commandOnRun, undoCommand, undoWords } from "../../output/run/next-step.js";
import { describeLeftOut, describeRetrying, warnOfUnusableCalls, withoutBusy } from "../../output/run/plan-text.js";
import { finishRun, requireNoneWaiting } from "../../output/run/run-summary.js";
import type { RenderOptions } from "../../output/screen.js";
import { joinText, safeJson, text } from "../../output/screen-text.js";
import { formatInstant } from "../../output/times.js";
import { openRunDeps, runFolder } from "../../settings/open-run-deps.js";
import { type Session, withSession } from "../../settings/session.js";
import { confirmRun, requireNoneBusy, takeLocks } from "../../settings/take-locks.js";
import type { MarkFlags } from "./command.js";
import { untilCounted } from "./until-counted.js";

export function markSuccess(invocation: Invocation<MarkFlags["success"]>): Promise<void> {
  return markCalls(invocation, { status: "SUCCESS", from: "FAILED", isFiltered: invocation.values.failed, flag: "--failed" });
}

export async function markFailed(invocation: Invocation<MarkFlags["failed"]>): Promise<void> {
  const { success, undo: undone, wait } = invocation.values;
  if (undone === undefined) {
    return markCalls(invocation, { status: "FAILED", from: "SUCCESS", isFiltered: success, flag: "--success", wait });
  }
  if (invocation.args.operands.length > 0) throw new WhcbError("usage", "--undo takes its callback and calls from the run");
  return withSession(invocation, async (session) => void (await undoRun(invocation, session, undone)));
}

/** Undoes the run that is named, or the latest one after a question. */
export function undo(invocation: Invocation<MarkFlags["undo"]>): Promise<void> {
  const { args, argv, values, screen, deps } = invocation;
  return withSession(invocation, async (session) => {
    const [wanted] = args.operands;
    if (wanted !== undefined) return void (await undoRun(invocation, session, wanted));
    const passed = new Set<string>();
    const findLatest = () => latestRunToUndo({ ...runFolder(deps), client: session.client }, passed);
    // What one has marked may have been taken back otherwise.
    for (let latest = await findLatest(); latest !== null; latest = await findLatest()) {
      if (await undoLatest(latest, session)) return;
      passed.add(latest.runId);
    }
    screen.info("no run to undo: none of this service has marked calls that can be taken back");
  });

  /** Resolves to false if there was nothing to undo. */
  function undoLatest({ runId, kind, startedAt, counts }: RunOverview, session: Session): Promise<boolean> {
    // Which run is the latest may have changed since a script was written. A mark-failed can't be undone, which undoRun says.
    if (values.yes && kind !== "mark-failed") {
      const command = commandLine({ command: "undo", operands: [runId], flags: ["--yes", ...screen.renderOptions.serviceFlags] });
      throw new WhcbError("usage", "--yes needs the run to undo", advise`of the latest one: ${{ command, when: "" }}`);
    }
    const started = formatInstant(startedAt, screen.renderOptions.utc);
    screen.info(`the latest run to undo is ${runId}: the ${kind} of ${started}, ${count(counts.marked, "call")} marked`);
    return undoRun({ ...invocation, argv: [...argv, runId] }, session, runId);
  }
}

interface Marking {
  readonly status: "SUCCESS" | "FAILED";
  readonly from: "SUCCESS" | "FAILED";
  readonly isFiltered: boolean;
  readonly flag: string;
  readonly wait?: boolean;
}

const CONNECTIONS = 4;

async function markCalls(
  typed: Invocation<MarkFlags["success"] | MarkFlags["failed"]>,
  { status, from, wait = false, ...selectors }: Marking,
): Promise<void> {
  const { values } = typed;
  const operands = await readCallOperands(typed, selectors);
  return withSession(typed, async (session) => {
    await using runDeps = await openRunDeps(typed, session, { maxConnections: CONNECTIONS });
    const scope = await toCallScope(operands, session, from, typed);
    const invocation = await sureOfCallbacks(typed, operands, scope, session.client);
    const job = { status, scope, operands, undone: "", runDeps };
    if (status === "SUCCESS" || values.dryRun) return void (await planAndMark(invocation, job));
    // What another run delivers meanwhile must not become FAILED: the next replay would send it twice.
    const { clock } = runDeps;
    const now = clock.now();
    const callbacks = await callbacksOf(scope, runDeps.client);
    // Nothing may have been asked before, so the service's clock is read by now.
    const service = (session.client.serviceNow() ?? clock.now()) - (clock.now() - now);
    const hasWaited = await waitForLateMarks(scope, callbacks, runDeps, showLateRequest(typed));
    const typedAt = wait || hasWaited ? { here: now, service } : null;
    await using taken = await takeLocks(invocation, { callbacks, runDeps, wait, needsAll: false });
    const { locks } = taken;
    const locked = locks.locked(callbacks).map(({ id }) => id);
    await planAndMark(invocation, { ...job, scope: { ...scope, callbacks: locked }, locks, typedAt });
    requireNoneBusy(locks);
  });
}

async function undoRun(
  invocation: Invocation<MarkFlags["undo"] | MarkFlags["failed"]>,
  session: Session,
  undone: string,
): Promise<boolean> {
  const { values, screen, deps } = invocation;
  const run = await readRun(runFolder(deps), undone);
  const instead = run.kind === "mark-failed" ? undoCommand({ header: run, counts: run.counts }, screen.renderOptions) : null;
  if (instead !== null) {
    await session.client.verify();
    requireMarkedHere(run, session.client);
    const message = `run ${run.runId} is a mark-failed: ${ONLY_UNDONE}`;
    const again = { command: instead, when: "if your receiver has the calls" };
    throw new WhcbError("usage", message, advise`if your receiver has the calls, ${again} marks them SUCCESS again`);
  }
  await using runDeps = await openRunDeps(invocation, session, { maxConnections: CONNECTIONS });
  const job = { status: "FAILED", scope: null, undone, runDeps } as const;
  if (values.dryRun) return planAndMark(invocation, job);
  await waitForLastRequest(undone, runDeps, showLateRequest(invocation));
  const callbacks = await callbacksToUndo(undone, runDeps);
  await using taken = await takeLocks(invocation, { callbacks, runDeps, wait: values.wait, needsAll: true });
  return await planAndMark(invocation, { ...job, locks: taken.locks });
}

function showLateRequest({ screen }: Pick<Invocation, "screen">): (runId: string, until: number) => void {
  return (runId, until) => {
    const end = formatInstant(until, screen.renderOptions.utc);
    screen.info(`the last request of run ${runId} may still be executed: waiting until ${end}; Ctrl-C ends this command`);
  };
}

interface MarkJob {
  readonly status: "SUCCESS" | "FAILED";
  /** `scope` is null for an undo. */
  readonly scope: CallScope | null;
  readonly operands?: CallOperands;
  readonly undone: string;
  readonly runDeps: RunDeps;
  readonly locks?: RunLocks;
  /** What has arrived since then stays SUCCESS. */
  readonly typedAt?: TypedAt | null;
}

type MarkInvocation = Invocation<MarkFlags["success"] | MarkFlags["failed"] | MarkFlags["undo"]>;

/** Resolves to false if there was nothing to mark. */
async function planAndMark(invocation: MarkInvocation, job: MarkJob): Promise<boolean> {
  const { status, scope, operands, undone, runDeps, locks, typedAt } = job;
  const { values, screen } = invocation;
  const progress = await openProgress(invocation, "reading calls");
  const planning =
    scope === null ? planUndo(undone, runDeps) : planMarks(scope, status, runDeps, showListed(progress, "calls"), typedAt);
  const plan = withoutBusy(await planning.finally(() => progress.clear()), locks, screen);
  warnOfUnusableCalls(plan, screen);
  const run = { ...plan, ...(locks && { runId: locks.runId }) };
  const control = locks === undefined ? {} : { locks };
  const markNothing = async (shown: MarkPlan): Promise<boolean> => {
    // The undo is recorded: that of the other run takes the calls back then.
    if (plan.markedBy.size > 0 && !values.dryRun) await runMarks(run, control, runDeps);
    nothingToMark(shown, { isUndo: scope === null, locks }, screen);
    return false;
  };
  if (plan.calls === 0 && plan.toDiscard === null) return markNothing(plan);
  if (operands !== undefined) requireNoHeading(operands, plan.missing);
  const description = [...describeMarks(plan, screen.renderOptions), ...(await describeSenders(plan, runDeps))];
  if (values.dryRun) {
    await showMarks(plan, description, screen);
    return true;
  }
  const question = plan.calls === 0 ? "Discard the run?" : `Mark ${count(plan.calls, "call")} ${plan.status}?`;
  const isTyped = scope !== null && "filter" in scope.calls && !invocation.args.get(YES) && !canAsk(invocation);
  const { repeated, leftOut } = isTyped ? untilCounted(invocation, plan, runDeps) : { repeated: invocation, leftOut: [] };
  const asked = { description: [...description, ...leftOut], question: [question] };
  if (!(await confirmRun(repeated, asked, { runDeps, locks, onlyMarks: true }))) return true;
  await discardUndone(plan, runDeps);
  if (plan.toDiscard !== null) screen.info(`run ${plan.toDiscard.runId} is discarded`);
  if (plan.calls === 0) return markNothing({ ...plan, toDiscard: null });
  const summary = await followRun(invocation, { total: plan.calls }, ({ signal, listener }) =>
    runMarks(run, { signal, ...control }, runDeps, listener),
  );
  await finishRun(summary, screen);
  if (plan.missing.length > 0) throw missingCalls(plan.missing, "items-failed");
  requireNoneWaiting(plan.waiting, "marked FAILED");
  return true;
}

function nothingToMark(
  plan: MarkPlan,
  { isUndo, locks }: { readonly isUndo: boolean; readonly locks: RunLocks | undefined },
  screen: Invocation["screen"],
): void {
  const leftOut = describeUnmarked({ ...plan, missing: [] }, screen.renderOptions);
  const why = leftOut.length > 0 || locks?.busy.length ? "" : isUndo ? ": the run marked no calls" : ": no call matches";
  screen.info(joinText([`nothing to ${isUndo ? "undo" : "mark"}${why}`, ...leftOut], "\n"));
  if (plan.missing.length > 0) throw missingCalls(plan.missing, plan.waiting > 0 ? "items-failed" : "not-found");
  requireNoneWaiting(plan.waiting, "marked FAILED");
}

function describeMarks(plan: MarkPlan, options: RenderOptions): readonly string[] {
  const isSuccess = plan.status === "SUCCESS";
  return [
    ...plan.groups.flatMap((group) => {
      const { callback, callIds, unsent } = group;
      const calls = isSuccess ? countFailed(callIds.length, unsent) : count(callIds.length, "call");
      const retrying = isSuccess ? describeRetrying(group, "it sends none that is marked") : [];
      return [
        `${calls} of ${callback.name} -> ${plan.status}${describeAttempts(group, options)}`,
        ...describeAnswers(group.attempts.read()),
        ...retrying,
      ];
    }),
    ...describeUnmarked(plan, options),
    ...(!isSuccess && plan.calls > 0 ? [`they aren't retried: \`${replayCommand(plan, options)}\` sends all that failed`] : []),
  ];
}

function replayCommand({ groups: [first, ...others] }: MarkPlan, { serviceFlags }: RenderOptions): string {
  const isOfOne = first !== undefined && others.length === 0;
  const operands = isOfOne ? [callbackOperand(first.callback)] : [];
  const flags = ["--failed", ...(isOfOne ? [] : ["--all-callbacks"]), ...serviceFlags];
  return commandLine({ command: "replay", operands, flags });
}

/** The times show a filter that was meant in another time zone. */
function describeAttempts({ attempts, unsent }: MarkGroup, { utc }: RenderOptions): string {
  const { firstAttemptedAt: first, lastAttemptedAt: last, statusCodes } = attempts.read();
  if (first === null || last === null) return "";
  const codes = describeCodes({ statusCodes, unsent });
  return `, last attempts from ${formatInstant(first, utc)} to ${formatInstant(last, utc)}${codes && ` (${codes})`}`;
}

/** Marks as SUCCESS need no lock, so another run may be sending the calls. */
async function describeSenders({ status, groups }: MarkPlan, runDeps: RunDeps): Promise<readonly string[]> {
  if (status === "FAILED") return [];
  const busy = await Promise.all(groups.map(({ callback }) => findBusy(callback, runDeps)));
  return busy.flatMap((one) => (one === null ? [] : [`${describeBusy(one, runDeps)}; it may send or mark some of these`]));
}

function describeUnmarked(plan: MarkPlan, options: RenderOptions): readonly string[] {
  const { serviceFlags } = options;
  const { already, toMarkIn, delivered, markedBy, status, mayLag, toDiscard, undoes } = plan;
  const itOrThem = already === 1 ? "it" : "them";
  // Where a list may lag, only calls that the run to undo may have marked are left out as FAILED.
  const stay =
    status === "FAILED" && mayLag
      ? `listed as FAILED, but the run's last request may have marked ${itOrThem}; look again later`
      : `already ${status}`;
  const accepted = [...markedBy.values()].reduce((rest, calls) => rest - calls, delivered);
  const arrived =
    undoes === null ? "arrived since this was typed" : `the endpoint has accepted ${accepted === 1 ? "it" : "them"}`;
  const byRuns = Array.from(markedBy, ([{ runId, kind, counts }, calls]) => {
    const undo = commandLine(undoWords(runId, serviceFlags));
    const hint = kind === "replay" ? "" : `; if that was wrong: ${undo}`;
    // It was killed, or the service failed, before its mark was answered.
    const has = counts.marked === 0 ? "may have" : "has";
    return `${count(calls, "call")} left out: run ${runId} ${has} marked ${calls === 1 ? "it" : "them"}, too${hint}`;
  });
  return [
    ...(already > 0 ? [`${count(already, "call")} left out: ${stay}`] : []),
    ...toMarkIn.map(
      (run) =>
        `run ${run.runId} may mark ${already === 1 ? "it" : "some of these"} ${status === "FAILED" ? "SUCCESS" : "FAILED"} once it is resumed; \`${commandOnRun("runs discard", run, options)}\` gives that up`,
    ),
    ...(accepted > 0 ? [`${count(accepted, "call")} left out: ${arrived}`] : []),
    ...byRuns,
    ...(toDiscard === null ? [] : [describeDiscard(toDiscard)]),
    ...describeLeftOut({ ...NOTHING_ELSE, ...plan }),
  ];
}

function describeDiscard({ kind, counts }: RunOverview): string {
  const others = kind === "reconcile" && counts.left > 0 ? `, nor send the ${count(counts.left, "other")}` : "";
  return `the run is discarded: it won't mark the ${count(counts.toMark, "call")} left${others}`;
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
    const callbacks = plan.groups.map(({ callback, callIds, unsent, retrying }) => ({
      id: callback.id,
      name: callback.name,
      calls: callIds.length,
      unsent,
      retrying,
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
      waiting: plan.waiting,
      missing: plan.missing,
      callbacks,
    };
    await writeJson(document, screen);
    return;
  }
  await screen.out(text`${joinText(description, "\n")}\n`);
  screen.info("dry run: nothing was marked");
}

const NOTHING_ELSE = { notFailed: 0, skippedRetrying: 0, unmarked: [], unlistedYet: null };
