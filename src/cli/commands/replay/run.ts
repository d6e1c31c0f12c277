import type { ListedCallback } from "../../../client/client.js";
import { callbackOperand, commandLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { spellDuration } from "../../../domain/duration.js";
import { WhcbError } from "../../../domain/errors.js";
import { maskUrl, shownUrl } from "../../../domain/mask.js";
import { checkService, isOtherDatabase } from "../../../runs/check-service.js";
import { isRecorded, type RecordedUrl } from "../../../runs/journal/recorded-url.js";
import { isUnfinished } from "../../../runs/journal/run-counts.js";
import { findRunId, latestUnfinishedRun, type RunOverview, readRun } from "../../../runs/journal/stored-runs.js";
import { callbacksOf, findAllById, findById, nullIfGone } from "../../../runs/plan/call-scope.js";
import { planReplay, type ReplayScope } from "../../../runs/plan/plan-replay.js";
import { findHiddenUrl, previewReplay, toCurl } from "../../../runs/plan/preview-replay.js";
import type { ReplayPlan } from "../../../runs/plan/replay-plan.js";
import { resumeRun } from "../../../runs/resume-run.js";
import type { RunDeps, RunFolder } from "../../../runs/run-deps.js";
import type { RunLocks } from "../../../runs/run-locks.js";
import { DEFAULT_REPLAY_OPTIONS, type ReplayOptions } from "../../../runs/run-options.js";
import { runReplay } from "../../../runs/run-replay.js";
import { checkTarget } from "../../../runs/send/send-target.js";
import { DEFAULT_BODY_NAMES, type DeliverySettings } from "../../../wire/delivery-settings.js";
import { missingCalls, readCallOperands, toCallScope } from "../../args/call-operands.js";
import type { Invocation } from "../../args/command-spec.js";
import { readReplayOptions } from "../../args/sending-flags.js";
import { writeJson } from "../../output/json-fields.js";
import { openProgress } from "../../output/progress-line.js";
import { needsYes } from "../../output/questions.js";
import { followRun } from "../../output/run/follow-run.js";
import { describeKey, describeLeftOut, describePlan, planJson, warnOfUnusableCalls } from "../../output/run/plan-text.js";
import { finishRun, requireMarked, resumeCommand, serviceLines, warnOfUnmarkedCalls } from "../../output/run/run-summary.js";
import type { RenderOptions } from "../../output/screen.js";
import { joinText, safeJson, text, wholeText } from "../../output/screen-text.js";
import { collectKeys, describeKeySource, findKeys } from "../../settings/callback-keys.js";
import { openRunDeps, profileOf, runFolder, runsDirectory } from "../../settings/open-run-deps.js";
import { deliverySettings, findNamedCallback, type Session, withSession } from "../../settings/session.js";
import { confirmRun, describeLocks, requireNoneBusy, takeLocks } from "../../settings/take-locks.js";
import { mentionUnfinishedRun } from "../../settings/unfinished-run.js";
import type { ReplayFlags } from "./command.js";

type ReplayInvocation = Invocation<ReplayFlags>;

export async function run(invocation: ReplayInvocation): Promise<void> {
  const { args, values } = invocation;
  const { cancel: cancelled, resume } = values;
  if (cancelled !== undefined) return cancelReplay(invocation, cancelled);
  if (resume !== undefined) return resumeReplay(invocation, resume);
  const given = readReplayOptions(values);
  if (values.resendUnknown) throw new WhcbError("usage", "--resend-unknown needs --resume");
  if (values.printCurl && !values.dryRun) throw new WhcbError("usage", "--print-curl needs --dry-run");
  const operands = await readCallOperands(invocation, { isFiltered: values.failed, flag: "--failed" });
  const isFromStdin = args.operands.includes("-");
  if (isFromStdin && !values.yes && !values.dryRun) throw needsYes(invocation);
  return withSession(invocation, async (session) => {
    const scope = await toCallScope(operands, session, "FAILED", invocation);
    const options = { ...given, ...(await deliverySettings(session)) };
    await using runDeps = await openRunDeps(invocation, session, { maxConnections: options.concurrency, to: options.to });
    await mentionUnfinishedRun(invocation, session);
    const job = {
      scope: {
        ...scope,
        skipRetrying: values.skipRetrying,
        limit: values.limit,
        contentType: options.contentType,
        bodyNames: options.bodyNames,
        mark: options.mark,
      },
      options,
      runDeps,
      followsService: followsService(session, invocation),
    };
    if (values.dryRun) return await listAndReplay(job, invocation);
    const callbacks = await callbacksOf(scope, session.client);
    await using taken = await takeLocks(invocation, { callbacks, runDeps });
    const { locks } = taken;
    const locked = { runId: locks.runId, callbacks: locks.locked(callbacks) };
    await listAndReplay({ ...job, scope: { ...job.scope, locked }, locks }, invocation);
    requireNoneBusy(locks);
  });
}

interface ReplayJob {
  readonly scope: ReplayScope;
  readonly options: ReplayOptions;
  readonly runDeps: RunDeps;
  readonly followsService: boolean;
  readonly locks?: RunLocks;
}

/** The service of a file may not be running. */
function followsService({ target }: Session, { values }: ReplayInvocation): boolean {
  return target.kind !== "file" && !values.detach;
}

function cancelReplay(invocation: Invocation, cancelled: string): Promise<void> {
  const { args, screen, deps } = invocation;
  if (args.operands.length > 1) throw new WhcbError("usage", "--cancel takes only a callback");
  return withSession(invocation, async (session) => {
    const callback = await findNamedCallback(invocation, session);
    if (callback === null) throw new WhcbError("usage", "--cancel needs the callback of the replay");
    const { client } = session;
    const cancel = async (id: string) =>
      (await client.cancelReplay(callback.id, id)) ? client.findReplay(callback.id, id) : null;
    let replay = await cancel(cancelled);
    // The id may be a part of that of a run made from here.
    const runId = replay === null ? await findRunId(runsDirectory(deps), cancelled).catch(nullIfGone) : null;
    if (runId !== null) replay = await cancel(runId);
    if (replay === null)
      throw new WhcbError("not-found", `the service has no replay ${cancelled} of ${callback.name || callback.id}`);
    if (screen.format === "json") await writeJson({ ...replay }, screen);
    else
      screen.info(
        joinText(
          [
            `replay ${replay.id} of ${callback.name || callback.id}`,
            ...serviceLines({ ...replay, settled: 0 }, screen.renderOptions),
          ],
          "\n",
        ),
      );
  });
}

async function listAndReplay(job: ReplayJob, invocation: ReplayInvocation): Promise<void> {
  const { scope, options, runDeps, locks } = job;
  const progress = await openProgress(invocation, "listing failed calls");
  const plan = await planReplay(scope, runDeps, (event) => {
    if (event.type === "listed") progress.show(`listing failed calls: ${event.calls}`);
  }).finally(() => progress.clear());
  warnOfUnusableCalls(plan, invocation.screen);
  warnOfUnmarkedCalls(plan.unmarked, invocation.screen);
  try {
    if (plan.calls === 0) return nothingToReplay(plan, invocation);
    if (!options.viaService) for (const { callback } of plan.groups) checkTarget(callback, options, runDeps.addressRule);
    if (locks === undefined) return await showPlan(plan, job, invocation);
    await askAndSend(plan, locks, job, invocation);
  } finally {
    await plan.discard();
  }
}

function nothingToReplay(plan: ReplayPlan, { screen }: Invocation): void {
  screen.info(joinText(["nothing to replay: no failed call matches", ...describeLeftOut({ ...plan, missing: [] })], "\n"));
  if (plan.missing.length > 0) throw missingCalls(plan.missing, "not-found");
  requireMarked(plan.unmarked, screen.renderOptions);
}

async function askAndSend(
  plan: ReplayPlan,
  locks: RunLocks,
  { options, runDeps, followsService }: ReplayJob,
  invocation: ReplayInvocation,
): Promise<void> {
  const { values, screen } = invocation;
  const description = joinText([...describePlan(plan, options, screen.renderOptions), ...describeLocks(locks)], "\n");
  if (values.yes && screen.format === "table") screen.info(description);
  const keySource = describeKeySource(
    plan.groups.map(({ callback }) => callback),
    options,
    invocation.deps,
  );
  const question = joinText([description, ...keySource, `Send ${count(plan.calls, "call")} again?`], "\n");
  if (!(await confirmRun(invocation, question, { client: runDeps.client, locks }))) return;
  const keys = await collectKeys(invocation, plan, options);
  const { viaService } = options;
  const summary = await followRun(invocation, { total: plan.calls, viaService }, ({ signal, listener }) =>
    runReplay(plan, { ...options, signal, keys, locks, followsService }, runDeps, listener),
  );
  await finishRun(summary, screen);
  if (plan.missing.length > 0) throw missingCalls(plan.missing, "items-failed");
  requireMarked(plan.unmarked, screen.renderOptions);
}

/** Serves --dry-run. Curl commands have variables for the key and for a URL that holds secrets. */
async function showPlan(plan: ReplayPlan, { options, runDeps }: ReplayJob, { values, screen }: ReplayInvocation): Promise<void> {
  if (values.printCurl) {
    const callbacks = plan.groups.map(({ callback }) => callback);
    const hidden = findHiddenUrl(callbacks, options);
    for await (const previewed of previewReplay(plan, options, runDeps.addressRule))
      await screen.out(text`${wholeText(toCurl(previewed))}\n`);
    if (hidden !== null) screen.info(describeVariable(hidden, options, screen.renderOptions));
  } else if (screen.format === "json") {
    await writeJson({ dryRun: true, ...planJson(plan, options) }, screen);
    return;
  } else if (screen.format === "ndjson") {
    for (const group of plan.groups) {
      const callbackId = group.callback.id;
      for await (const id of plan.callIds(group)) await screen.out(text`${safeJson({ event: "planned", callbackId, id })}\n`);
    }
    return;
  } else await screen.out(text`${joinText(describePlan(plan, options, screen.renderOptions), "\n")}\n`);
  screen.info("dry run: nothing was sent");
}

function describeVariable(callback: ListedCallback, { to }: ReplayOptions, { serviceFlags }: RenderOptions): string {
  const words = { command: "callbacks get", operands: [callbackOperand(callback)], flags: ["--show-key", ...serviceFlags] };
  const where = to === null ? `the URL of ${callback.name}, which \`${commandLine(words)}\` shows` : "the URL of --to";
  return `before you run it, set WHCB_CALLBACK_URL to ${where}`;
}

/** Finishes the wanted run, or with null the latest unfinished one of the profile and its service. It was confirmed when it began. */
function resumeReplay(invocation: ReplayInvocation, wanted: string | null): Promise<void> {
  const { args, values, screen, deps } = invocation;
  if (args.operands.length > 0) throw new WhcbError("usage", "--resume takes its callback and calls from the run");
  return withSession(invocation, async (session) => {
    const folder = runFolder(deps);
    const run = wanted === null ? await findUnfinishedRun(session, folder) : await readRun(folder, wanted);
    if (run === null) {
      screen.info("no unfinished run");
      return;
    }
    const isElsewhere = run.service !== session.client.name;
    if (wanted === null && (isElsewhere || run.kind !== "replay")) {
      const what = isElsewhere ? `was made with ${run.service}` : `is a ${run.kind}`;
      throw new WhcbError("usage", `the latest unfinished run ${what}`, {
        hint: `\`${resumeCommand(run, screen.renderOptions)}\` finishes it, \`whcb runs discard ${run.runId}\` gives it up`,
      });
    }
    const to = values.to;
    const before = run.options?.to ?? null;
    if (to !== undefined && before === null) throw new WhcbError("usage", `run ${run.runId} wasn't made with --to`);
    const maxConnections = DEFAULT_REPLAY_OPTIONS.concurrency;
    await using runDeps = await openRunDeps(invocation, session, { maxConnections, to: before });
    const { resendUnknown, contentType } = values;
    const total = run.counts.left + (resendUnknown ? run.counts.unknown : 0);
    const found = total === 0 ? [] : await findAllById(run.callbacks, runDeps.client);
    const keys = run.options === null ? new Map() : await findKeys(invocation, found, run.options);
    const callbacks = run.kind === "mark-success" ? [] : run.callbacks;
    await using taken = await takeLocks(invocation, { callbacks, runDeps, runId: run.runId, needsAll: true });
    const delivery = await deliverySettings(session);
    if (!(await confirmChanged(run, delivery, { ...runDeps, locks: taken.locks }, invocation))) return;
    const viaService = run.options?.viaService ?? false;
    const follows = followsService(session, invocation);
    const control = { ...delivery, keys, locks: taken.locks, resendUnknown, followsService: follows, contentType, to };
    const summary = await followRun(invocation, { total, viaService }, ({ signal, listener }) =>
      resumeRun(run.runId, { ...control, signal }, runDeps, listener),
    );
    await finishRun(summary, screen);
  });
}

/** A profile's service may have another address now. Its runs there come last. */
async function findUnfinishedRun(session: Session, folder: RunFolder): Promise<RunOverview | null> {
  const profile = profileOf(session);
  const isOfProfile = (run: RunOverview) => run.profile === profile;
  const own = await latestUnfinishedRun(folder, (run) => isOfProfile(run) && run.service === session.client.name);
  return own ?? latestUnfinishedRun(folder, isOfProfile);
}

interface ResumedTarget {
  readonly name: string;
  /** It is the callback's new name, or null if it has the old one. */
  readonly renamed: string | null;
  readonly url: string;
  readonly shown: string;
  /** It names the parameter of the key. */
  readonly key: string;
  readonly keyBefore: string;
  readonly before: RecordedUrl;
}

/** A service may remove settled calls, and a sender use their ids again. */
const HOUR_MS = 60 * 60_000;
const LONGEST_UNASKED_MS = 24 * HOUR_MS;

/** The run was confirmed for the callbacks of that time. One that was deleted and created again may have the same id, and other calls of the same ids. */
async function confirmChanged(
  run: RunOverview,
  delivery: DeliverySettings,
  { locks, ...runDeps }: RunDeps & { readonly locks: RunLocks },
  invocation: ReplayInvocation,
): Promise<boolean> {
  const { options, counts, service } = run;
  if (!isUnfinished(counts)) return true;
  const isElsewhere = service !== runDeps.client.name;
  if (isElsewhere) await checkService(run, runDeps.client, runDeps.profile);
  const changed: ResumedTarget[] = [];
  for (const target of await resumedTargets(run, delivery, runDeps, invocation)) {
    const isSame = target.renamed === null && target.key === target.keyBefore;
    if (!isSame || !(await isRecorded(target.url, target.before, runDeps))) changed.push(target);
  }
  const isOther = !isElsewhere && isOtherDatabase(run, runDeps.client);
  const { bodyNames: namesBefore = DEFAULT_BODY_NAMES } = options ?? {};
  const hasOtherNames = options !== null && !options.viaService && delivery.bodyNames !== namesBefore;
  const ageMs = invocation.deps.clock.now() - run.lastAt;
  const isSetBack = ageMs < 0;
  const isOld = ageMs > LONGEST_UNASKED_MS;
  if (changed.length === 0 && !hasOtherNames && !isElsewhere && !isOther && !isOld && !isSetBack) return true;
  const isRenamed = changed.some(({ renamed }) => renamed !== null);
  const isSure =
    isRenamed || changed.some(({ shown, key, keyBefore, before }) => shown + key !== maskUrl(before.url) + keyBefore);
  const question = [
    ...(isElsewhere ? [`The run was made with ${service}, and this is ${runDeps.client.name}.`] : []),
    ...(isOther ? [`The run was made with another database, which was at ${service} then.`] : []),
    ...(isOld
      ? [
          `The run stopped ${spellDuration(Math.floor(ageMs / HOUR_MS) * HOUR_MS)} ago: other calls may have its ids by now, if theirs were removed.`,
        ]
      : []),
    ...(isSetBack ? ["The clock was set back since the run stopped: how long ago that was isn't known."] : []),
    ...(changed.length === 0
      ? []
      : [`The ${isRenamed ? "callback" : "URL"} ${isSure ? "has" : "may have"} changed since the run began.`]),
    ...changed.flatMap(describeChange),
    ...(hasOtherNames ? [`The body names are ${delivery.bodyNames} now, and were ${namesBefore} when the run began.`] : []),
    ...(counts.toMark === 0
      ? []
      : [`not marked yet: ${count(counts.toMark, "call")}${options === null ? "" : " that the URL before accepted"}`]),
    options === null || options.viaService || counts.left + counts.unknown === 0
      ? "Finish the run all the same?"
      : `${counts.toMark === 0 ? "Send" : "Mark SUCCESS what was accepted and send"} the rest of the run there?`,
  ];
  return confirmRun(invocation, joinText(question, "\n"), { client: runDeps.client, locks });
}

function describeChange({ name, renamed, shown, key, keyBefore, before }: ResumedTarget): readonly string[] {
  const shownBefore = maskUrl(before.url) + (key === keyBefore ? "" : keyBefore);
  const isSame = shown === shownBefore;
  return [
    ...(renamed === null ? [] : [`${name}: named ${renamed} now`]),
    ...(isSame && renamed !== null
      ? []
      : [`${name}: ${shown}${key}, before${isSame ? " perhaps with another secret" : `: ${shownBefore}`}`]),
  ];
}

async function resumedTargets(
  { callbacks, options, toHash }: RunOverview,
  delivery: DeliverySettings,
  { client }: RunDeps,
  { values: { to } }: ReplayInvocation,
): Promise<readonly ResumedTarget[]> {
  const targets: ResumedTarget[] = [];
  if (options !== null && options.to !== null && to !== undefined) {
    const before = { url: options.to, urlHash: toHash };
    targets.push({ name: "--to", renamed: null, url: to, shown: maskUrl(to), key: "", keyBefore: "", before });
  }
  for (const before of callbacks) {
    const now = await findById(before.id, client);
    if (now === null) continue;
    const key = options === null ? "" : describeKey(now, { ...options, ...delivery });
    const keyBefore = options === null ? "" : describeKey(now, options);
    const renamed = now.name === before.name ? null : now.name;
    targets.push({ name: before.name || before.id, renamed, url: now.url, shown: shownUrl(now), key, keyBefore, before });
  }
  return targets;
}
