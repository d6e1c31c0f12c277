/** `whcb replay --resume [run]`, and the note about an unfinished run. */
import { WhcbError } from "../../../domain/errors.js";
import { latestUnfinishedRun, readRun } from "../../../runs/journal/stored-runs.js";
import { resumeRun } from "../../../runs/resume-run.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import { busyError } from "../../../runs/run-locks.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../runs/run-options.js";
import type { Invocation } from "../../invocation.js";
import { followRun } from "../../output/run/follow-run.js";
import { finishRun } from "../../output/run/run-summary.js";
import { formatInstant } from "../../output/times.js";
import { environmentKeys } from "../../settings/callback-keys.js";
import { withSession } from "../../settings/session.js";
import { withLocks } from "../../settings/with-locks.js";
import { withRunDeps } from "../../settings/with-run-deps.js";
import { RESEND_UNKNOWN } from "./command.js";

/** `wanted` null: the latest unfinished run of the profile. It was confirmed when it began, so nothing is asked. */
export function resumeReplay(invocation: Invocation, wanted: string | null): Promise<number> {
  const { args, screen, deps } = invocation;
  if (args.operands.length > 0) throw new WhcbError("usage", "--resume takes its callback and calls from the run");
  return withSession(invocation, (session) =>
    withRunDeps(deps, session, DEFAULT_REPLAY_OPTIONS.concurrency, async (runDeps) => {
      const { runsDirectory, profile, clock } = runDeps;
      const run =
        wanted === null ? await latestUnfinishedRun(runsDirectory, profile, clock) : await readRun(runsDirectory, wanted, clock);
      if (run === null) {
        screen.info("no unfinished run");
        return 0;
      }
      const keys = environmentKeys(invocation, run.callbacks);
      const resendUnknown = args.get(RESEND_UNKNOWN);
      const total = run.counts.left + (resendUnknown ? run.counts.unknown : 0);
      // Marks need no lock.
      const callbacks = run.options === null ? [] : run.callbacks;
      return withLocks(invocation, { callbacks, runDeps, runId: run.runId }, async (locks) => {
        const [busy] = locks.busy;
        if (busy !== undefined) throw busyError(busy);
        const summary = await followRun(invocation, total, ({ signal, listener }) =>
          resumeRun(run.runId, { signal, keys, locks, resendUnknown }, runDeps, listener),
        );
        return finishRun(invocation, summary);
      });
    }),
  );
}

/** An unfinished run doesn't block a new one. */
export async function mentionUnfinishedRun({ screen }: Invocation, { runsDirectory, profile, clock }: RunDeps): Promise<void> {
  const run = await latestUnfinishedRun(runsDirectory, profile, clock);
  if (run === null) return;
  const started = formatInstant(run.startedAt, screen.renderOptions.utc);
  screen.info(`note: the run of ${started} is unfinished; \`whcb replay --resume ${run.runId}\` finishes it`);
}
