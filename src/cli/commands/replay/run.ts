import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import { callbacksOf } from "../../../runs/plan/call-scope.js";
import { planReplay, type ReplayScope } from "../../../runs/plan/plan-replay.js";
import { previewReplay, toCurl } from "../../../runs/plan/preview-replay.js";
import type { ReplayPlan } from "../../../runs/plan/replay-plan.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import type { RunLocks } from "../../../runs/run-locks.js";
import type { ReplayOptions } from "../../../runs/run-options.js";
import { runReplay } from "../../../runs/run-replay.js";
import { missingCalls, readCallOperands, toCallScope } from "../../args/call-operands.js";
import { FAILED } from "../../args/filter-flags.js";
import { DRY_RUN, PRINT_CURL, readReplayOptions, SKIP_RETRYING } from "../../args/sending-flags.js";
import type { Invocation } from "../../invocation.js";
import { openProgress } from "../../output/progress-line.js";
import { needsYes, YES } from "../../output/questions.js";
import { followRun } from "../../output/run/follow-run.js";
import { describeLeftOut, describePlan, planJson } from "../../output/run/plan-text.js";
import { finishRun } from "../../output/run/run-summary.js";
import { safeJson } from "../../output/sanitize.js";
import { collectKeys } from "../../settings/callback-keys.js";
import { withSession } from "../../settings/session.js";
import { confirmInTime, describeLocks, withLocks } from "../../settings/with-locks.js";
import { withRunDeps } from "../../settings/with-run-deps.js";
import { RESUME } from "./command.js";
import { mentionUnfinishedRun, resumeReplay } from "./resume.js";

export async function run(invocation: Invocation): Promise<number> {
  const { args } = invocation;
  const resume = args.get(RESUME);
  if (resume !== undefined) return resumeReplay(invocation, resume === "" ? null : resume);
  const given = readReplayOptions(args);
  if (args.get(PRINT_CURL) && !args.get(DRY_RUN)) throw new WhcbError("usage", "--print-curl needs --dry-run");
  const operands = await readCallOperands(invocation, { isFiltered: args.get(FAILED), flag: "--failed" });
  const readsStdin = args.operands.includes("-");
  if (readsStdin && !args.get(YES) && !args.get(DRY_RUN)) throw needsYes(invocation);
  return withSession(invocation, async (session) => {
    const options = { ...given, authParameter: session.settings.authParameter.value };
    const scope = await toCallScope(operands, session, "FAILED", invocation);
    return withRunDeps(invocation.deps, session, options.concurrency, async (runDeps) => {
      await mentionUnfinishedRun(invocation, runDeps);
      const job = { scope: { ...scope, skipRetrying: args.get(SKIP_RETRYING) }, options, runDeps };
      if (args.get(DRY_RUN)) return listAndReplay(job, invocation);
      const callbacks = await callbacksOf(scope, session.client);
      return withLocks(invocation, { callbacks, runDeps }, (locks) => {
        const locked = { runId: locks.runId, callbacks: locks.locked(callbacks) };
        return listAndReplay({ ...job, scope: { ...job.scope, locked }, locks }, invocation);
      });
    });
  });
}

interface ReplayJob {
  readonly scope: ReplayScope;
  readonly options: ReplayOptions;
  readonly runDeps: RunDeps;
  readonly locks?: RunLocks;
}

async function listAndReplay({ scope, options, runDeps, locks }: ReplayJob, invocation: Invocation): Promise<number> {
  const progress = await openProgress(invocation, "listing failed calls");
  const plan = await planReplay(scope, runDeps, (event) => {
    if (event.type === "listed") progress.show(`listing failed calls: ${event.calls}`);
  }).finally(() => progress.clear());
  try {
    if (plan.calls === 0) return nothingToReplay(plan, invocation);
    if (locks === undefined) return await showPlan(plan, options, invocation);
    return await askAndSend({ plan, options, runDeps, locks }, invocation);
  } finally {
    await plan.discard();
  }
}

function nothingToReplay(plan: ReplayPlan, { screen }: Invocation): number {
  screen.info(["nothing to replay: no failed call matches", ...describeLeftOut({ ...plan, missing: [] })].join("\n"));
  if (plan.missing.length > 0) throw missingCalls(plan.missing, "not-found");
  return 0;
}

interface PlannedReplay extends Omit<ReplayJob, "scope"> {
  readonly plan: ReplayPlan;
  readonly locks: RunLocks;
}

async function askAndSend({ plan, options, runDeps, locks }: PlannedReplay, invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  const description = [...describePlan(plan, options, screen.renderOptions), ...describeLocks(locks)].join("\n");
  if (args.get(YES) && screen.format === "table") screen.info(description);
  if (!(await confirmInTime(invocation, `${description}\nSend ${count(plan.calls, "call")} again?`))) return 0;
  const keys = await collectKeys(invocation, plan, options);
  const summary = await followRun(invocation, plan.calls, ({ signal, listener }) =>
    runReplay(plan, { ...options, signal, keys, locks }, runDeps, listener),
  );
  const code = await finishRun(invocation, summary);
  if (plan.missing.length > 0) throw missingCalls(plan.missing, "items-failed");
  return code;
}

/** --dry-run. In curl commands the key is "$WHCB_CALLBACK_KEY". */
async function showPlan(plan: ReplayPlan, options: ReplayOptions, { args, screen }: Invocation): Promise<number> {
  if (args.get(PRINT_CURL)) {
    for await (const { request, secret } of previewReplay(plan, options)) await screen.out(`${toCurl(request, secret)}\n`);
  } else if (screen.format === "json") {
    await screen.out(`${safeJson({ dryRun: true, ...planJson(plan) }, 2)}\n`);
    return 0;
  } else if (screen.format === "ndjson") {
    for (const group of plan.groups) {
      const callbackId = group.callback.id;
      for await (const id of plan.callIds(group)) await screen.out(`${safeJson({ event: "planned", callbackId, id })}\n`);
    }
    return 0;
  } else await screen.out(`${describePlan(plan, options, screen.renderOptions).join("\n")}\n`);
  screen.info("dry run: nothing was sent");
  return 0;
}
