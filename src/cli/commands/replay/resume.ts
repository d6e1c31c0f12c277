import type { Client } from "../../../client/client.js";
import { isWhcbError, WhcbError } from "../../../domain/errors.js";
import type { RunCall } from "../../../runs/journal/run-state.js";
import { latestUnfinishedRun, type RunOverview, readRun } from "../../../runs/journal/stored-runs.js";
import { resumeRun } from "../../../runs/resume-run.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import { busyError } from "../../../runs/run-locks.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../runs/run-options.js";
import { recordedCallback } from "../../../runs/run-replay.js";
import type { Invocation } from "../../invocation.js";
import { followRun } from "../../output/run/follow-run.js";
import { finishRun } from "../../output/run/run-summary.js";
import { formatInstant } from "../../output/times.js";
import { environmentKeys } from "../../settings/callback-keys.js";
import { withSession } from "../../settings/session.js";
import { confirmInTime, withLocks } from "../../settings/with-locks.js";
import { withRunDeps } from "../../settings/with-run-deps.js";
import { RESEND_UNKNOWN } from "./command.js";

/** `wanted` null: the profile's latest unfinished run. It was confirmed when it began. */
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
        if (!(await confirmMovedCallbacks(run, session.client, invocation))) return 0;
        const summary = await followRun(invocation, total, ({ signal, listener }) =>
          resumeRun(run.runId, { signal, keys, locks, resendUnknown }, runDeps, listener),
        );
        return finishRun(invocation, summary);
      });
    }),
  );
}

/** The run was confirmed for the URLs of that time. */
async function confirmMovedCallbacks(
  { callbacks, options, counts }: RunOverview,
  client: Client,
  invocation: Invocation,
): Promise<boolean> {
  if (options === null || options.to !== null || options.viaService || counts.left + counts.unknown === 0) return true;
  const moved: string[] = [];
  for (const before of callbacks) {
    const now = await client.getCallback(before.id).catch(nullIfGone);
    if (now === null) continue;
    const { url } = recordedCallback(now);
    if (url !== before.url) moved.push(`${before.name || before.id}: ${url}, before: ${before.url}`);
  }
  if (moved.length === 0) return true;
  return confirmInTime(
    invocation,
    `The URL has changed since the run began.\n${moved.join("\n")}\nSend the rest of the run there?`,
  );
}

function nullIfGone(error: unknown): null {
  if (isWhcbError(error, "not-found")) return null;
  throw error;
}

/** It doesn't block a new run. Not mentioned if a sample of its calls is settled. */
export async function mentionUnfinishedRun(
  { screen }: Invocation,
  { client, runsDirectory, profile, clock }: RunDeps,
): Promise<void> {
  const run = await latestUnfinishedRun(runsDirectory, profile, clock);
  if (run === null) return;
  const { calls } = await readRun(runsDirectory, run.runId, clock);
  const open = calls.filter(
    ({ state, isMarked }) => state === "left" || state === "unknown" || (state === "accepted" && !isMarked),
  );
  if (!(await isAnyFailed(open, client))) return;
  const started = formatInstant(run.startedAt, screen.renderOptions.utc);
  screen.info(`note: the run of ${started} is unfinished; \`whcb replay --resume ${run.runId}\` finishes it`);
}

const SAMPLE = 10;

async function isAnyFailed(calls: readonly RunCall[], client: Client): Promise<boolean> {
  const step = Math.max(1, Math.floor(calls.length / SAMPLE));
  const sample = calls.filter((_, index) => index % step === 0).slice(0, SAMPLE);
  for (const callbackId of new Set(sample.map((call) => call.callbackId))) {
    const ids = sample.filter((call) => call.callbackId === callbackId).map(({ id }) => id);
    try {
      const found = await client.findCalls(callbackId, ids);
      if (found.some(({ status }) => status === "FAILED")) return true;
    } catch (error) {
      if (!isWhcbError(error, "not-found")) throw error;
    }
  }
  return false;
}
