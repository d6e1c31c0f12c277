import type { ListedCall, ListedCallback } from "../../client/client.js";
import type { KnownRequest } from "../../delivery/curl-command.js";
import { ArrivedCalls } from "../journal/arrived-calls.js";
import { FreshUnmarks } from "../journal/fresh-unmarks.js";
import { newRunId } from "../journal/run-id.js";
import type { RunListener } from "../journal/run-step.js";
import type { RunDeps } from "../run-deps.js";
import type { BodyOptions } from "../run-options.js";
import type { RunOptions } from "../run-session.js";
import { targetOf } from "../send/send-target.js";
import { type CallScope, callbacksOf, listFilteredCalls, listNamedCalls, NO_UNUSABLE } from "./call-scope.js";
import { createReplayPlan, GroupDraft, type ReplayPlan } from "./replay-plan.js";
import { SnapshotFile } from "./snapshot-file.js";

export interface ReplayScope extends CallScope, BodyOptions {
  /** Calls that the service still retries are left out. */
  readonly skipRetrying: boolean;
  /** So many calls of each callback are sent, the oldest. By default, all are. */
  readonly limit?: number | undefined;
  /** The default is true. */
  readonly mark?: boolean;
  /** The run has the locks of these callbacks, which are as they were listed. */
  readonly locked?: { readonly runId: string; readonly callbacks: readonly ListedCallback[] };
}

/**
 * Lists each FAILED call once, and keeps the bodies on disk until the plan is run or discarded. Throws `not-found`, and what the client
 * throws.
 */
export async function planReplay(scope: ReplayScope, deps: RunDeps, onEvent: RunListener = () => {}): Promise<ReplayPlan> {
  const runId = scope.locked?.runId ?? newRunId(deps.clock.now(), deps.random);
  const callbacks = scope.locked?.callbacks ?? (await callbacksOf(scope, deps.client));
  const arrived = await ArrivedCalls.read({ runId, mark: scope.mark ?? true }, callbacks, deps);
  const unmarks = await FreshUnmarks.read(callbacks, deps);
  const named = "callIds" in scope.calls ? scope.calls.callIds : undefined;
  const file = await SnapshotFile.open(deps.runsDirectory, runId, scope);
  const counts = { notFailed: 0, waiting: 0, skippedRetrying: 0 };
  const answer = "filter" in scope.calls ? scope.calls.filter.answer : undefined;
  const drafts = callbacks.map((callback) => new GroupDraft(callback, file, deps, { answer }));
  let missing: readonly string[] = [];
  let unusable = NO_UNUSABLE;
  const take = async (calls: readonly ListedCall[], draft: GroupDraft): Promise<void> => {
    unmarks.dropListed(draft.callback.id, calls);
    const failed = calls.filter(({ status }) => status === "FAILED");
    const kept = scope.skipRetrying ? failed.filter((call) => !draft.isRetrying(call)) : failed;
    const waiting = calls.filter(({ status }) => status === "PENDING").length;
    counts.waiting += waiting;
    counts.notFailed += calls.length - failed.length - waiting;
    counts.skippedRetrying += failed.length - kept.length;
    await draft.add(arrived.leaveOut(draft.callback.id, kept));
  };
  try {
    const listing = { client: deps.client, onEvent };
    const status = "FAILED" as const;
    if ("callIds" in scope.calls)
      missing = await listNamedCalls(listing, { groups: drafts, callIds: scope.calls.callIds, status }, take);
    else unusable = await listFilteredCalls(listing, { groups: drafts, filter: { ...scope.calls.filter, status } }, take);
  } catch (error) {
    await file.close();
    throw error;
  }
  return createReplayPlan({
    runId,
    drafts,
    file,
    limit: scope.limit,
    leftOut: { ...counts, ...unusable, missing, unmarked: arrived.unmarkedRuns(), unlistedYet: unmarks.unlistedYet(named) },
  });
}

export interface PreviewedRequest extends KnownRequest {
  readonly callId: string;
}

/** `UNKNOWN_KEY` stands for a key that the service doesn't return. */
const UNKNOWN_KEY = "WHCB-CALLBACK-KEY";
/** A printed request isn't signed: its signature would be too old soon. */
const UNUSED_SECRET = "WHCB-SIGNING-SECRET";

export async function* previewReplay(plan: ReplayPlan, options: RunOptions, deps: RunDeps): AsyncGenerator<PreviewedRequest> {
  for (const group of plan.groups) {
    const { callback } = group;
    const keys = new Map([[callback.id, options.keys?.get(callback.id) || UNKNOWN_KEY]]);
    const signingSecrets = new Map([[callback.id, UNUSED_SECRET]]);
    const { build, secret } = targetOf(callback, { ...options, keys, signingSecrets }, deps);
    for await (const call of plan.read(group)) {
      const body = Buffer.from(await call.readBody()).toString("utf8");
      const { to } = options;
      const request = build({ id: call.id, body });
      yield { callbackId: callback.id, callId: call.id, request, url: to ?? callback.url, to, secret };
    }
  }
}
