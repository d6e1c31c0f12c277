import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import { planReplay } from "../../../runs/plan/plan-replay.js";
import type { ReplayPlan } from "../../../runs/plan/replay-plan.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import type { ReplayOptions } from "../../../runs/run-options.js";
import { runReplay } from "../../../runs/run-replay.js";
import { readCallOperands, toCallScope } from "../../args/call-operands.js";
import { FAILED } from "../../args/filter-flags.js";
import { DRY_RUN, PRINT_CURL, readReplayOptions, SKIP_RETRYING } from "../../args/sending-flags.js";
import type { Invocation } from "../../invocation.js";
import { openProgress } from "../../output/progress-line.js";
import { confirm, needsYes, YES } from "../../output/questions.js";
import { finishRun } from "../../output/run/finish-run.js";
import { followRun } from "../../output/run/follow-run.js";
import { STOPPING, withInterrupt } from "../../output/run/interrupt.js";
import { describeLeftOut, describePlan } from "../../output/run/plan-text.js";
import { collectKeys } from "../../settings/callback-keys.js";
import { type Session, withSession } from "../../settings/session.js";
import { withRunDeps } from "../../settings/with-run-deps.js";
import { resumeReplay } from "./replay-resume.js";
import { RESUME } from "./resume-flags.js";
import { showPlan } from "./show-plan.js";
import { mentionUnfinishedRun } from "./unfinished-run.js";

export async function run(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  const resume = args.get(RESUME);
  if (resume !== undefined) return resumeReplay(invocation, resume === "" ? null : resume);
  const options = readReplayOptions(args);
  if (args.get(PRINT_CURL) && !args.get(DRY_RUN)) throw new WhcbError("usage", "--print-curl goes with --dry-run");
  const operands = await readCallOperands(invocation, { isFiltered: args.get(FAILED), flag: "--failed" });
  const readsStdin = args.operands.includes("-");
  if (readsStdin && !args.get(YES) && !args.get(DRY_RUN)) throw needsYes(invocation);
  return withSession(invocation, async (session) => {
    const scope = await toCallScope(operands, session, "FAILED", invocation);
    return withRunDeps(invocation.deps, session, options.concurrency, async (engine) => {
      await mentionUnfinishedRun(invocation, engine);
      const progress = await openProgress(invocation, "listing what failed");
      const plan = await planReplay({ ...scope, skipRetrying: args.get(SKIP_RETRYING) }, engine, (event) => {
        if (event.type === "listed") progress.show(`listing what failed: ${event.calls}`);
      }).finally(() => progress.clear());
      try {
        if (plan.calls === 0) return nothingToDo(plan, screen);
        if (args.get(DRY_RUN)) return await showPlan(invocation, plan, options, args.get(PRINT_CURL));
        return await askAndSend(invocation, { plan, options, engine, session });
      } finally {
        await plan.discard();
      }
    });
  });
}

function nothingToDo(plan: ReplayPlan, screen: Invocation["screen"]): number {
  screen.info(["nothing to replay: no failed call matches", ...describeLeftOut({ ...plan, missing: [] })].join("\n"));
  if (plan.missing.length > 0)
    throw new WhcbError(
      "not-found",
      `no such ${plan.missing.length === 1 ? "call" : "calls"}: ${plan.missing.slice(0, 5).join(", ")}`,
    );
  return 0;
}

interface Replay {
  readonly plan: ReplayPlan;
  readonly options: ReplayOptions;
  readonly engine: RunDeps;
  readonly session: Session;
}

async function askAndSend(invocation: Invocation, { plan, options, engine }: Replay): Promise<number> {
  const description = describePlan(plan, options, invocation.screen.renderOptions);
  if (invocation.args.get(YES) && invocation.screen.format === "table") invocation.screen.info(description.join("\n"));
  if (!(await confirm(invocation, `${description.join("\n")}\nSend ${count(plan.calls, "call")} again?`))) return 0;
  const keys = await collectKeys(invocation, plan, options);
  const summary = await withInterrupt(invocation, STOPPING, async (signal) => {
    const progress = await openProgress(invocation, `0 of ${plan.calls}`);
    const follower = followRun(invocation, plan.calls, progress);
    try {
      return await runReplay(plan, { ...options, signal, keys }, engine, follower.listener);
    } finally {
      progress.clear();
      await follower.flush();
    }
  });
  const code = await finishRun(invocation, summary);
  if (plan.missing.length === 0) return code;
  throw new WhcbError("items-failed", `not found: ${plan.missing.slice(0, 5).join(", ")}`);
}
