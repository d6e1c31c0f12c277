/** The engine behind the commands: what each use-case takes and gives. Each stands in a file of its name. */
import type { CallScope } from "./call-scope.js";
import type { MarkPlan } from "./mark-plan.js";
import type { ReconcileDeps } from "./reconcile-deps.js";
import type { ReconcilePlan, SeenList } from "./reconcile-plan.js";
import type { ReplayPlan } from "./replay-plan.js";
import type { RunListener } from "./run-event.js";
import type { ReplayOptions, RunControl } from "./run-options.js";
import type { RunOverview, RunRecord } from "./run-record.js";
import type { RunSummary } from "./run-summary.js";

export interface UseCases {
  /** plan-replay.ts. Sends nothing: `--dry-run` ends here. Only FAILED calls are planned. */
  planReplay(
    scope: CallScope & { readonly skipRetrying: boolean },
    deps: ReconcileDeps,
    onEvent?: RunListener,
  ): Promise<ReplayPlan>;
  /** run-replay.ts. Throws `config` where a callback's key is missing (`keysMissing(plan, options, control)` tells before). */
  runReplay(
    plan: ReplayPlan,
    options: ReplayOptions & RunControl,
    deps: ReconcileDeps,
    onEvent?: RunListener,
  ): Promise<RunSummary>;
  /** plan-marks.ts. Ids of one callback are taken as they are, without listing. */
  planMarks(scope: CallScope, status: "SUCCESS" | "FAILED", deps: ReconcileDeps, onEvent?: RunListener): Promise<MarkPlan>;
  /** run-marks.ts */
  runMarks(plan: MarkPlan, control: RunControl, deps: ReconcileDeps, onEvent?: RunListener): Promise<RunSummary>;
  /** reconcile-seen.ts */
  planReconcile(callback: string, seen: SeenList, deps: ReconcileDeps, onEvent?: RunListener): Promise<ReconcilePlan>;
  runReconcile(
    plan: ReconcilePlan,
    options: ReplayOptions & RunControl,
    deps: ReconcileDeps,
    onEvent?: RunListener,
  ): Promise<RunSummary>;
  /** seen-list.ts. One id a line; blanks, quotes and lines with # are passed over. */
  readSeenList(by: SeenList["by"], lines: AsyncIterable<string> | Iterable<string>): Promise<SeenList>;
  /**
   * resume-run.ts. `runId` null: the latest unfinished run of the profile; returns null where there is none. Throws `not-found`
   * for an unknown run, `unavailable` while its process lives.
   */
  resumeRun(
    runId: string | null,
    options: RunControl & { readonly resendUnknown: boolean },
    deps: ReconcileDeps,
    onEvent?: RunListener,
  ): Promise<RunSummary | null>;
  /** runs.ts. Newest first; a file that can't be read is passed over. */
  listRuns(runsDirectory: string): Promise<readonly RunOverview[]>;
  /** By id or an unambiguous beginning of one. Throws `not-found`. */
  readRun(runsDirectory: string, runId: string): Promise<RunRecord>;
}

/*
 * Also for the commands:
 * to-curl.ts         toCurl(request, secret?: string): string — a shell line; the key is "$WHCB_CALLBACK_KEY"
 * preview-replay.ts  previewReplay(plan, options & control): AsyncIterable<{ callbackId, callId, request: DeliveryRequest, secret }> — for --print-curl
 * progress.ts        new RunProgress(clock, total): add(event), read(): { done, total, perSecond, leftMs }
 */
