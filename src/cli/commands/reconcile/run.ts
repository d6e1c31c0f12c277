import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { count } from "../../../domain/count.js";
import { WhcbError } from "../../../domain/errors.js";
import { balanceOf } from "../../../runs/balance.js";
import type { ReconcilePlan } from "../../../runs/plan/reconcile-plan.js";
import { readSeenList } from "../../../runs/plan/seen-list.js";
import { planReconcile, runReconcile } from "../../../runs/reconcile-seen.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../runs/run-options.js";
import { unreadableFile } from "../../args/read-input.js";
import { CONCURRENCY, DRY_RUN, MAX_FAILURES, NO_CANARY, RATE, SERIAL_BY } from "../../args/sending-flags.js";
import type { Invocation } from "../../invocation.js";
import { openProgress } from "../../output/progress-line.js";
import { confirm, needsYes, YES } from "../../output/questions.js";
import { finishRun } from "../../output/run/finish-run.js";
import { followRun } from "../../output/run/follow-run.js";
import { STOPPING, withInterrupt } from "../../output/run/interrupt.js";
import { describePlan, planJson } from "../../output/run/plan-text.js";
import { safeJson } from "../../output/sanitize.js";
import { collectKeys } from "../../settings/callback-keys.js";
import { findCallback, withSession } from "../../settings/session.js";
import { withRunDeps } from "../../settings/with-run-deps.js";
import { BY, SEEN } from "../replay/resume-flags.js";

export async function run(invocation: Invocation): Promise<number> {
  const { args, screen, deps } = invocation;
  const source = args.get(SEEN);
  if (source === undefined) throw new WhcbError("usage", "reconcile needs --seen FILE (or -): the ids that your system has");
  if (source === "-" && !args.get(YES) && !args.get(DRY_RUN)) throw needsYes(invocation);
  const seen = await readSeenList(args.get(BY), readLines(invocation, source));
  const options = {
    ...DEFAULT_REPLAY_OPTIONS,
    concurrency: args.get(CONCURRENCY),
    rate: args.get(RATE) ?? null,
    canary: !args.get(NO_CANARY),
    maxFailures: args.get(MAX_FAILURES),
    serialBy: args.get(SERIAL_BY) ?? null,
  };
  return withSession(invocation, async (session) => {
    const callback = await findCallback(session.client, args.operand(0));
    return withRunDeps(deps, session, options.concurrency, async (engine) => {
      const listing = await openProgress(invocation, "listing what failed");
      const plan = await planReconcile(callback.id, seen, engine).finally(() => listing.clear());
      try {
        if (plan.failed === 0) {
          screen.info(`nothing to reconcile: no failed call of ${callback.name}`);
          return 0;
        }
        const description = describeReconcile(plan, callback.name, [...describePlan(plan.replay, options, screen.renderOptions)]);
        if (args.get(DRY_RUN)) return await showReconcile(plan, description, screen);
        const question = `Mark ${count(plan.seen.length, "call")} and send ${count(plan.replay.calls, "call")} again?`;
        if (!(await confirm(invocation, `${description.join("\n")}\n${question}`))) return 0;
        const keys = await collectKeys(invocation, plan.replay, options);
        const summary = await withInterrupt(invocation, STOPPING, async (signal) => {
          const line = await openProgress(invocation, `0 of ${plan.replay.calls}`);
          const follower = followRun(invocation, plan.replay.calls, line);
          try {
            return await runReconcile(plan, { ...options, signal, keys }, engine, follower.listener);
          } finally {
            line.clear();
            await follower.flush();
          }
        });
        return await finishRun(invocation, summary, balanceOf(plan.failed, summary.counts));
      } finally {
        await plan.replay.discard();
      }
    });
  });
}

function describeReconcile(plan: ReconcilePlan, name: string, replay: readonly string[]): readonly string[] {
  return [
    `${count(plan.failed, "failed call")} of ${name}: ${plan.seen.length} your system has, ${plan.replay.calls} to send`,
    ...replay,
    ...(plan.unmatched > 0 ? [`${count(plan.unmatched, "id")} in the file that no failed call answers to`] : []),
    ...(plan.sharedMessages > 0
      ? [
          `${count(plan.sharedMessages, "seen message")} with more than one failed call: all of them count as seen (--by call tells them apart)`,
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
  screen.info("a dry run: nothing was marked or sent");
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
