import type { ListedCallback } from "../../../client/client.js";
import { curlUrlVariable, sentUrl, toCurl } from "../../../delivery/curl-command.js";
import { callbackOperand, commandLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import { hasUrlSecret, parseUrl } from "../../../domain/mask.js";
import { findAccepted } from "../../../runs/accepted-before.js";
import { callbacksOf } from "../../../runs/plan/call-scope.js";
import { planReplay, previewReplay, type ReplayScope } from "../../../runs/plan/plan-replay.js";
import type { ReplayPlan } from "../../../runs/plan/replay-plan.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import type { RunLocks } from "../../../runs/run-locks.js";
import type { ReplayOptions } from "../../../runs/run-options.js";
import { runReplay } from "../../../runs/run-replay.js";
import { callbacksToSign, checkTarget } from "../../../runs/send/send-target.js";
import {
  type CallOperands,
  missingCalls,
  readCallOperands,
  requireNoHeading,
  sureOfCallbacks,
  toCallScope,
} from "../../args/call-operands.js";
import type { Invocation } from "../../args/command-spec.js";
import { readReplayOptions } from "../../args/sending-flags.js";
import { writeJson } from "../../output/json-fields.js";
import { openProgress } from "../../output/progress-line.js";
import { followRun, followsService, showListed } from "../../output/run/follow-run.js";
import {
  describeLeftOut,
  describeMissingAnswers,
  describePlan,
  planJson,
  warnOfUnusableCalls,
  withoutBusy,
} from "../../output/run/plan-text.js";
import {
  finishRun,
  requireMarked,
  requireNoneWaiting,
  warnOfAcceptedCalls,
  warnOfUnmarkedCalls,
} from "../../output/run/run-summary.js";
import type { RenderOptions } from "../../output/screen.js";
import { joinText, safeJson, text, wholeText } from "../../output/screen-text.js";
import { collectSecrets, describeSecretSources } from "../../settings/callback-secrets.js";
import { openRunDeps } from "../../settings/open-run-deps.js";
import { deliverySettings, type Session, withSession } from "../../settings/session.js";
import { confirmRun, describeLocks, requireNoneBusy, takeLocks } from "../../settings/take-locks.js";
import { mentionUnfinishedRuns } from "../../settings/unfinished-run.js";
import { cancelReplay } from "./cancel-replay.js";
import { type ReplayInvocation, resumeReplay } from "./resume-replay.js";

export async function run(typed: ReplayInvocation): Promise<void> {
  const { values } = typed;
  const { cancel: cancelled, resume } = values;
  if (cancelled !== undefined) return cancelReplay(typed, cancelled);
  if (resume !== undefined) return resumeReplay(typed, resume);
  const given = readReplayOptions(values);
  const operands = await readCallOperands(typed, { isFiltered: values.failed, flag: "--failed" });
  return withSession(typed, async (session) => {
    const scope = await toCallScope(operands, session, "FAILED", typed);
    const invocation = await sureOfCallbacks(typed, operands, scope, session.client);
    const options = { ...given, ...(await deliverySettings(session)) };
    await using runDeps = await openRunDeps(invocation, session, { maxConnections: options.concurrency, to: options.to });
    const job = {
      session,
      scope: {
        ...scope,
        skipRetrying: values.skipRetrying,
        limit: values.limit,
        contentType: options.contentType,
        bodyNames: options.bodyNames,
        mark: options.mark,
      },
      operands,
      options,
      runDeps,
      followsService: followsService(session.target, values.detach),
    };
    if (values.dryRun) return await listAndReplay(job, invocation);
    const callbacks = await callbacksOf(scope, session.client);
    await using taken = await takeLocks(invocation, { callbacks, runDeps, wait: values.wait });
    const { locks } = taken;
    const locked = { runId: locks.runId, callbacks: locks.locked(callbacks) };
    await listAndReplay({ ...job, scope: { ...job.scope, locked }, locks }, invocation);
    requireNoneBusy(locks);
  });
}

interface ReplayJob {
  readonly session: Session;
  readonly scope: ReplayScope;
  readonly operands: CallOperands;
  readonly options: ReplayOptions;
  readonly runDeps: RunDeps;
  readonly followsService: boolean;
  readonly locks?: RunLocks;
}

async function listAndReplay(job: ReplayJob, invocation: ReplayInvocation): Promise<void> {
  const { session, scope, operands, options, runDeps, locks } = job;
  // Another run may have been killed while this one waited for its lock.
  await mentionUnfinishedRuns(invocation, session, scope.callbacks);
  const progress = await openProgress(invocation, "reading failed calls");
  const listed = await planReplay(scope, runDeps, showListed(progress, "failed calls")).finally(() => progress.clear());
  const plan = withoutBusy(listed, locks, invocation.screen);
  warnOfUnusableCalls(plan, invocation.screen);
  warnOfUnmarkedCalls(plan.unmarked, invocation.screen);
  try {
    if (plan.calls === 0) return nothingToReplay(plan, locks, invocation);
    requireNoHeading(operands, plan.missing);
    requireOtherUrl(plan, options);
    if (!options.viaService) for (const { callback } of plan.groups) checkTarget(callback, options, runDeps);
    if (options.to === null) warnOfAcceptedCalls(await findAccepted(plan, runDeps), invocation.screen);
    if (locks === undefined) return await showPlan(plan, job, invocation);
    await askAndSend(plan, locks, job, invocation);
  } finally {
    await plan.discard();
  }
}

/** What a callback's own URL accepts with --to isn't marked, so the next replay would send it again. Throws `usage`. */
function requireOtherUrl({ groups }: ReplayPlan, { to }: ReplayOptions): void {
  if (to === null) return;
  const own = groups.find(({ callback: { url } }) => parseUrl(url) !== null && sentUrl(url) === sentUrl(to));
  if (own === undefined) return;
  const name = own.callback.name || own.callback.id;
  const without = groups.length === 1 ? "leave out --to" : `replay the calls of ${name} first, without --to`;
  throw new WhcbError("usage", `--to is the URL of callback ${name} itself`, {
    hint: `${without}: then what is accepted there is marked`,
  });
}

function nothingToReplay(plan: ReplayPlan, locks: RunLocks | undefined, { screen }: Invocation): void {
  const why = locks?.busy.length ? "" : ": no failed call matches";
  screen.info(joinText([`nothing to replay${why}`, ...describeLeftOut({ ...plan, missing: [] })], "\n"));
  if (plan.missing.length > 0) throw missingCalls(plan.missing, plan.waiting > 0 ? "items-failed" : "not-found");
  requireMarked(plan.unmarked, screen.renderOptions);
  requireNoneWaiting(plan.waiting, "replayed");
}

async function askAndSend(
  plan: ReplayPlan,
  locks: RunLocks,
  { options, runDeps, followsService }: ReplayJob,
  invocation: ReplayInvocation,
): Promise<void> {
  const { values, screen } = invocation;
  const description = [...describeReplay(plan, { options, runDeps }, screen), ...describeLocks(locks, runDeps.client)];
  const callbacks = plan.groups.map(({ callback }) => callback);
  const sources = describeSecretSources(callbacks, options, invocation.deps);
  const question = [...sources, `Send ${count(plan.calls, "call")} again?`];
  if (!(await confirmRun(invocation, { description, question }, { runDeps, locks, onlyMarks: false }))) return;
  const secrets = await collectSecrets(invocation, plan, options);
  const { viaService } = options;
  const summary = await followRun(invocation, { total: plan.calls, viaService }, ({ signal, listener }) =>
    runReplay(plan, { ...options, ...secrets, signal, locks, followsService, wasAsked: !values.yes }, runDeps, listener),
  );
  await finishRun(summary, screen);
  if (plan.missing.length > 0) throw missingCalls(plan.missing, "items-failed");
  requireMarked(plan.unmarked, screen.renderOptions);
  requireNoneWaiting(plan.waiting, "replayed");
}

function describeReplay(
  plan: ReplayPlan,
  { options, runDeps }: Pick<ReplayJob, "options" | "runDeps">,
  { renderOptions }: Invocation["screen"],
): readonly string[] {
  return [...describePlan(plan, options, runDeps, renderOptions), ...describeMissingAnswers(plan, options, renderOptions)];
}

/** Serves --dry-run. Curl commands have variables for the key and for a URL that holds secrets. */
async function showPlan(plan: ReplayPlan, { options, runDeps }: ReplayJob, { values, screen }: ReplayInvocation): Promise<void> {
  if (values.printCurl) {
    const callbacks = plan.groups.map(({ callback }) => callback);
    const hidden = callbacks.filter(({ url }) => hasUrlSecret(sentUrl(options.to ?? url)));
    for await (const previewed of previewReplay(plan, options, runDeps))
      await screen.out(text`${wholeText(toCurl(previewed))}\n`);
    if (callbacksToSign(callbacks, options).length > 0)
      screen.info("the printed requests aren't signed, so their endpoint rejects them");
    // All have the variable of --to.
    const variables = new Set(hidden.map((callback) => describeVariable(callback, options, screen.renderOptions)));
    for (const variable of variables) screen.info(variable);
  } else if (screen.format === "json") {
    await writeJson({ dryRun: true, ...planJson(plan, options) }, screen);
    return;
  } else if (screen.format === "ndjson") {
    for (const group of plan.groups) {
      const callbackId = group.callback.id;
      for await (const id of plan.callIds(group)) await screen.out(text`${safeJson({ event: "planned", callbackId, id })}\n`);
    }
    return;
  } else await screen.out(text`${joinText(describeReplay(plan, { options, runDeps }, screen), "\n")}\n`);
  screen.info("dry run: nothing was sent");
}

function describeVariable(callback: ListedCallback, { to }: ReplayOptions, { serviceFlags }: RenderOptions): string {
  const words = { command: "callbacks get", operands: [callbackOperand(callback)], flags: ["--show-key", ...serviceFlags] };
  const where = to === null ? `the URL of ${callback.name}, which \`${commandLine(words)}\` shows` : "the URL of --to";
  return `before you run it, set ${curlUrlVariable({ callbackId: callback.id, to })} to ${where}`;
}
