import { WhcbError } from "../../../domain/errors.js";
import type { RunOverview } from "../../../runs/journal/run-record.js";
import { listRuns, readRun } from "../../../runs/journal/stored-runs.js";
import { resumeRun } from "../../../runs/resume-run.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../runs/run-options.js";
import type { Invocation } from "../../invocation.js";
import { openProgress } from "../../output/progress-line.js";
import { finishRun } from "../../output/run/finish-run.js";
import { followRun } from "../../output/run/follow-run.js";
import { STOPPING, withInterrupt } from "../../output/run/interrupt.js";
import { environmentKeys } from "../../settings/callback-keys.js";
import { withSession } from "../../settings/session.js";
import { withRunDeps } from "../../settings/with-run-deps.js";
import { RESEND_UNKNOWN } from "./resume-flags.js";

/** Finishes the run of this id, or the latest unfinished one of the profile. It was agreed to when it began: nothing is asked. */
export function resumeReplay(invocation: Invocation, runId: string | null): Promise<number> {
  const { args, screen, deps } = invocation;
  if (args.operands.length > 0) throw new WhcbError("usage", "--resume takes its callback and calls from the run");
  return withSession(invocation, (session) =>
    withRunDeps(deps, session, DEFAULT_REPLAY_OPTIONS.concurrency, async (engine) => {
      const run = await findRun(engine.runsDirectory, engine.profile, runId);
      if (run === null) {
        screen.info("no unfinished run");
        return 0;
      }
      const keys = environmentKeys(invocation, run.callbacks);
      const resendUnknown = args.get(RESEND_UNKNOWN);
      const total = run.counts.left + (resendUnknown ? run.counts.unknown : 0);
      const summary = await withInterrupt(invocation, STOPPING, async (signal) => {
        const progress = await openProgress(invocation, "resuming");
        const follower = followRun(invocation, total, progress);
        try {
          return await resumeRun(run.runId, { signal, keys, resendUnknown }, engine, follower.listener);
        } finally {
          progress.clear();
          await follower.flush();
        }
      });
      return summary === null ? 0 : finishRun(invocation, summary);
    }),
  );
}

async function findRun(runsDirectory: string, profile: string, runId: string | null): Promise<RunOverview | null> {
  if (runId !== null) return readRun(runsDirectory, runId);
  const runs = await listRuns(runsDirectory);
  return runs.find((run) => run.state === "unfinished" && run.profile === profile) ?? null;
}
