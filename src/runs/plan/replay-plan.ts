/** Every matching call once, oldest first, taken before the first send. */
import type { UnmarkedRun } from "./arrived-calls.js";
import type { UnusableCalls } from "./call-scope.js";
import type { CallPlaces, GroupDraft, ReplayGroup } from "./group-draft.js";
import type { PlannedCall, SnapshotFile } from "./snapshot-file.js";

export interface LeftOutCalls extends UnusableCalls {
  /** Named by id, but not FAILED. */
  readonly notFailed: number;
  /** Named by id, not found. */
  readonly missing: readonly string[];
  /** The service still retries them (`skipRetrying`). */
  readonly skippedRetrying: number;
  /** Runs that know that the calls have arrived. */
  readonly unmarked: readonly UnmarkedRun[];
}

export interface ReplayPlan extends LeftOutCalls {
  readonly runId: string;
  /** Only callbacks with calls to send, in their order. */
  readonly groups: readonly ReplayGroup[];
  /** Over all groups. */
  readonly calls: number;
  /** In sending order, from disk. */
  read(group: ReplayGroup): AsyncIterable<PlannedCall>;
  /** In sending order. */
  callIds(group: ReplayGroup): AsyncIterable<string>;
  /** Removes the snapshot from disk; so does running the plan. */
  discard(): Promise<void>;
}

export interface SnapshotParts {
  readonly runId: string;
  readonly drafts: readonly GroupDraft[];
  readonly file: SnapshotFile;
  readonly leftOut?: Partial<LeftOutCalls>;
  /** Of each callback, the oldest; default: all. */
  readonly limit?: number | undefined;
}

const CALLS_AT_ONCE = 128;
const NONE_LEFT_OUT: LeftOutCalls = {
  leftOut: 0,
  withoutId: 0,
  unlisted: 0,
  notFailed: 0,
  missing: [],
  skippedRetrying: 0,
  unmarked: [],
};

/** Keeps only the places of the calls. */
export function snapshotPlan({ runId, drafts, file, leftOut = {}, limit }: SnapshotParts): ReplayPlan {
  const places = new Map<ReplayGroup, CallPlaces>();
  for (const draft of drafts) {
    const group = draft.group(limit);
    if (group.calls > 0) places.set(group, draft.places(limit));
  }
  const groups = [...places.keys()];

  async function* read(group: ReplayGroup): AsyncGenerator<PlannedCall> {
    const { offsets, lengths } = places.get(group) ?? { offsets: [], lengths: [] };
    for (let start = 0; start < offsets.length; start += CALLS_AT_ONCE) {
      const ahead = Array.from(offsets.slice(start, start + CALLS_AT_ONCE), (offset, index) => {
        return { offset, length: lengths[start + index] ?? 0 };
      });
      yield* await file.read(ahead);
    }
  }

  return {
    ...NONE_LEFT_OUT,
    ...leftOut,
    runId,
    groups,
    calls: groups.reduce((sum, { calls }) => sum + calls, 0),
    read,
    async *callIds(group) {
      for await (const { id } of read(group)) yield id;
    },
    discard: () => file.close(),
  };
}
