import type { ListedCallback } from "../client/client.js";
import { beginRun } from "./begin-run.js";
import { workAndEnd } from "./end-run.js";
import type { RunListener } from "./journal/run-event.js";
import type { RunHeader } from "./journal/run-record.js";
import type { ReplayPlan } from "./plan/replay-plan.js";
import type { RunDeps } from "./run-deps.js";
import type { ReplayOptions, RunControl } from "./run-options.js";
import type { RunSession } from "./run-session.js";
import type { RunSummary } from "./run-summary.js";
import { CHUNK_SIZE } from "./send/apply-to-chunk.js";
import { keyOf, replayByService, replayHere, targetOf } from "./send/replay-group.js";

/**
 * Works through the plan: one callback after the other, each with a canary of its own, so that one dead endpoint doesn't keep the others waiting.
 * Ends when all is settled, or in order on the first reason to stop; the summary says which. Throws `config` where a callback's
 * key is missing and `unavailable` where the journal can't be begun: then nothing was sent.
 */
export async function runReplay(
  plan: ReplayPlan,
  options: ReplayOptions & RunControl,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  try {
    if (!options.viaService) for (const { callback } of plan.groups) targetOf(callback, options);
    const held = await beginRun(
      {
        header: {
          runId: plan.runId,
          kind: "replay",
          callbacks: plan.groups.map(({ callback }) => namedCallback(callback)),
          options: storedOptions(options),
        },
        planned: plan.groups.map((group) => {
          return { callbackId: group.callback.id, do: options.viaService ? "ask" : "send", callIds: plan.callIds(group) };
        }),
        concurrency: options.viaService ? CHUNK_SIZE : options.concurrency,
        signal: options.signal,
      },
      deps,
      onEvent,
    );
    return await workAndEnd(held, () => replayPlan(plan, options, held.session));
  } finally {
    await plan.discard();
  }
}

/** Without a journal of its own: part of a run. */
export async function replayPlan(plan: ReplayPlan, options: ReplayOptions & RunControl, session: RunSession): Promise<void> {
  for (const group of plan.groups) {
    if (session.stop.reason !== null) return;
    if (options.viaService) await replayByService(group.callback.id, plan.callIds(group), session);
    else await replayHere({ callback: group.callback, calls: plan.read(group) }, options, session);
  }
}

/** The callbacks whose key the service doesn't return and nobody gave, where the run would need it: nothing is sent without. */
export function keysMissing(
  { groups }: Pick<ReplayPlan, "groups">,
  options: ReplayOptions,
  control: Pick<RunControl, "keys"> = {},
): readonly ListedCallback[] {
  if (options.viaService || (options.to !== null && !options.withAuth)) return [];
  return groups.map(({ callback }) => callback).filter((callback) => keyOf(callback, control) === "");
}

/** What of a callback is written down: a password in its URL isn't. */
export function namedCallback({ id, name, url }: { id: string; name: string; url: string }): RunHeader["callbacks"][number] {
  return { id, name, url: url.replace(/\/\/[^/@]*@/, "//••••@") };
}

/** Signal and keys stay out of the journal. */
export function storedOptions({ keys: _keys, signal: _signal, ...options }: ReplayOptions & RunControl): ReplayOptions {
  return options;
}
