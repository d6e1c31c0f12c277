/** A replay plan that reads its calls from the snapshot on disk. */

import type { GroupDraft, GroupPlaces } from "./group-draft.js";
import type { LeftOutCalls, PlannedCall, ReplayGroup, ReplayPlan } from "./replay-plan.js";
import type { SnapshotFile } from "./snapshot-file.js";

export interface SnapshotParts {
  readonly runId: string;
  readonly drafts: readonly GroupDraft[];
  readonly spool: SnapshotFile;
  readonly leftOut?: LeftOutCalls;
}

const READ_AHEAD = 128;
const NOTHING: LeftOutCalls = { leftOut: 0, notFailed: 0, missing: [], skippedRetrying: 0 };

/** Keeps nothing of the drafts but where their calls are. */
export function snapshotPlan({ runId, drafts, spool, leftOut = NOTHING }: SnapshotParts): ReplayPlan {
  const places = new Map<ReplayGroup, GroupPlaces>();
  for (const draft of drafts) {
    const group = draft.group();
    if (group.calls > 0) places.set(group, draft.places());
  }
  const groups = [...places.keys()];

  async function* read(group: ReplayGroup): AsyncGenerator<PlannedCall> {
    const { offsets, lengths } = places.get(group) ?? { offsets: [], lengths: [] };
    for (let start = 0; start < offsets.length; start += READ_AHEAD) {
      const ahead = Array.from(offsets.slice(start, start + READ_AHEAD), (offset, index) => {
        return { offset, length: lengths[start + index] ?? 0 };
      });
      yield* await spool.read(ahead);
    }
  }

  return {
    ...leftOut,
    runId,
    groups,
    calls: groups.reduce((sum, { calls }) => sum + calls, 0),
    read,
    async *callIds(group) {
      for await (const { id } of read(group)) yield id;
    },
    discard: () => spool.close(),
  };
}
