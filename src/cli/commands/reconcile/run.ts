import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { ListedCallback } from "../../../client/client.js";
import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import { planReconcile, type ReconcilePlan } from "../../../runs/plan/plan-reconcile.js";
import { readSeenList, type SeenList } from "../../../runs/plan/seen-list.js";
import type { RunDeps } from "../../../runs/run-deps.js";
import type { RunLocks } from "../../../runs/run-locks.js";
import type { ReplayOptions } from "../../../runs/run-options.js";
import { balanceOf, runReconcile } from "../../../runs/run-reconcile.js";
import { unreadableFile } from "../../args/read-input.js";
import { DRY_RUN, readSendingFlags } from "../../args/sending-flags.js";
import type { Invocation } from "../../invocation.js";
import { openProgress } from "../../output/progress-line.js";
import { needsYes, YES } from "../../output/questions.js";
import { followRun } from "../../output/run/follow-run.js";
import { describePlan, planJson } from "../../output/run/plan-text.js";
import { finishRun } from "../../output/run/run-summary.js";
import { safeJson } from "../../output/sanitize.js";
import { collectKeys } from "../../settings/callback-keys.js";
import { findCallback, withSession } from "../../settings/session.js";
import { confirmInTime, describeLocks, withLocks } from "../../settings/with-locks.js";
import { withRunDeps } from "../../settings/with-run-deps.js";
import { BY, SEEN } from "./command.js";

export async function run(invocation: Invocation): Promise<number> {
  const { args, deps } = invocation;
  const source = args.get(SEEN);
  if (source === undefined) throw new WhcbError("usage", "reconcile needs --seen FILE (or -): the ids that your system has");
  if (source === "-" && !args.get(YES) && !args.get(DRY_RUN)) throw needsYes(invocation);
  const seen = await readSeenList(args.get(BY), readLines(invocation, source));
  const options = readSendingFlags(args);
  return withSession(invocation, async (session) => {
    const callback = await findCallback(session.client, args.operand(0));
    return withRunDeps(deps, session, options.concurrency, async (runDeps) => {
      const job = { callback, seen, options, runDeps };
      if (args.get(DRY_RUN)) return listAndReconcile(job, invocation);
      return withLocks(invocation, { callbacks: [callback], runDeps }, (locks) =>
        listAndReconcile({ ...job, locks }, invocation),
      );
    });
  });
}

interface ReconcileJob {
  readonly callback: ListedCallback;
  readonly seen: SeenList;
  readonly options: ReplayOptions;
  readonly runDeps: RunDeps;
  /** None for a dry run. */
  readonly locks?: RunLocks;
}

async function listAndReconcile(job: ReconcileJob, invocation: Invocation): Promise<number> {
  const { callback, seen, options, runDeps, locks } = job;
  const { screen } = invocation;
  const listing = await openProgress(invocation, "listing failed calls");
  const plan = await planReconcile(callback.id, seen, runDeps, { runId: locks?.runId }).finally(() => listing.clear());
  try {
    if (plan.failed === 0) {
      screen.info(`nothing to reconcile: ${callback.name} has no failed call`);
      return 0;
    }
    const description = describeReconcile(plan, describePlan(plan.replay, options, screen.renderOptions));
    if (locks === undefined) return await showReconcile(plan, description, screen);
    const question = `Mark ${count(plan.seen.length, "call")} and send ${count(plan.replay.calls, "call")} again?`;
    if (!(await confirmInTime(invocation, [...description, ...describeLocks(locks), question].join("\n")))) return 0;
    const keys = await collectKeys(invocation, plan.replay, options);
    const summary = await followRun(invocation, plan.replay.calls, ({ signal, listener }) =>
      runReconcile(plan, { ...options, signal, keys, locks }, runDeps, listener),
    );
    return await finishRun(invocation, summary, balanceOf(plan.failed, summary.counts));
  } finally {
    await plan.replay.discard();
  }
}

function describeReconcile(plan: ReconcilePlan, replay: readonly string[]): readonly string[] {
  const { callback, failed, seen, unmatched, sharedMessages } = plan;
  return [
    `${count(failed, "failed call")} of ${callback.name}: your system has ${seen.length}, ${plan.replay.calls} to send`,
    ...replay,
    ...(unmatched > 0 ? [`${count(unmatched, "id")} in the file matching no failed call`] : []),
    ...(sharedMessages > 0
      ? [
          `${count(sharedMessages, "seen message")} with more than one failed call: all of them count as seen (--by call tells them apart)`,
        ]
      : []),
  ];
}

async function showReconcile(plan: ReconcilePlan, description: readonly string[], screen: Invocation["screen"]): Promise<number> {
  if (screen.format === "json" || screen.format === "ndjson") {
    const { failed, unmatched, sharedMessages } = plan;
    const document = { dryRun: true, failed, seen: plan.seen.length, unmatched, sharedMessages, replay: planJson(plan.replay) };
    await screen.out(`${safeJson(document, screen.format === "json" ? 2 : undefined)}\n`);
    return 0;
  }
  await screen.out(description.map((line) => `${line}\n`).join(""));
  screen.info("dry run: nothing was marked or sent");
  return 0;
}

async function* readLines({ deps }: Invocation, source: string): AsyncIterable<string> {
  const input = source === "-" ? deps.io.stdin : createReadStream(source, "utf8");
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw unreadableFile(source, error);
  }
}
