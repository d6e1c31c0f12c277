/** The snapshot that a replay works through: every matching call, each id once, oldest first, taken before one is sent. */
import type { CallPlaces, GroupDraft, ReplayGroup } from "./group-draft.js";
import type { PlannedCall, SnapshotFile } from "./snapshot-file.js";

/** Calls of the scope that the plan doesn't contain. */
export interface LeftOutCalls {
  /** Listed by the service although they don't match the filter. */
  readonly leftOut: number;
  /** Named by id, but not FAILED. */
  readonly notFailed: number;
  /** Named by id, and found in none of the callbacks. */
  readonly missing: readonly string[];
  /** The service is still retrying them (`skipRetrying`). */
  readonly skippedRetrying: number;
}

export interface ReplayPlan extends LeftOutCalls {
  /** The id that the run will have. */
  readonly runId: string;
  /** One per callback that has calls to send, in the order of the callbacks. */
  readonly groups: readonly ReplayGroup[];
  /** Calls to send, over all groups. */
  readonly calls: number;
  /** The calls of a group in sending order, read from the snapshot on disk. */
  read(group: ReplayGroup): AsyncIterable<PlannedCall>;
  /** Their ids, in sending order. */
  callIds(group: ReplayGroup): AsyncIterable<string>;
  /** Removes the snapshot from disk. Running the plan does it too. */
  discard(): Promise<void>;
}

export interface SnapshotParts {
  readonly runId: string;
  readonly drafts: readonly GroupDraft[];
  readonly file: SnapshotFile;
  readonly leftOut?: LeftOutCalls;
}

const CALLS_AT_ONCE = 128;
const NONE_LEFT_OUT: LeftOutCalls = { leftOut: 0, notFailed: 0, missing: [], skippedRetrying: 0 };

/** Of the drafts it keeps only where their calls are. */
export function snapshotPlan({ runId, drafts, file, leftOut = NONE_LEFT_OUT }: SnapshotParts): ReplayPlan {
  const places = new Map<ReplayGroup, CallPlaces>();
  for (const draft of drafts) {
    const group = draft.group();
    if (group.calls > 0) places.set(group, draft.places());
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
