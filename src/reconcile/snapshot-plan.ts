/** A replay plan that reads its calls from the snapshot on disk. */
import type { CallSpool } from "./call-spool.js";
import type { GroupDraft } from "./group-draft.js";
import type { PlannedCall, ReplayGroup, ReplayPlan } from "./replay-plan.js";

export interface SnapshotParts {
  readonly runId: string;
  readonly drafts: readonly GroupDraft[];
  readonly spool: CallSpool;
  readonly leftOut: number;
  readonly notFailed: number;
  readonly missing: readonly string[];
  readonly skippedRetrying: number;
}

const READ_AHEAD = 128;

export class SnapshotPlan implements ReplayPlan {
  readonly runId: string;
  readonly groups: readonly ReplayGroup[];
  readonly calls: number;
  readonly leftOut: number;
  readonly notFailed: number;
  readonly missing: readonly string[];
  readonly skippedRetrying: number;
  readonly #spool: CallSpool;
  readonly #drafts = new Map<ReplayGroup, { readonly draft: GroupDraft; readonly order: Uint32Array }>();

  constructor(parts: SnapshotParts) {
    const drafts = parts.drafts.filter(({ ids }) => ids.length > 0);
    for (const draft of drafts) this.#drafts.set(draft.group(), { draft, order: draft.sendingOrder() });
    this.runId = parts.runId;
    this.groups = [...this.#drafts.keys()];
    this.calls = this.groups.reduce((sum, { calls }) => sum + calls, 0);
    this.leftOut = parts.leftOut;
    this.notFailed = parts.notFailed;
    this.missing = parts.missing;
    this.skippedRetrying = parts.skippedRetrying;
    this.#spool = parts.spool;
  }

  async *read(group: ReplayGroup): AsyncGenerator<PlannedCall> {
    const found = this.#drafts.get(group);
    if (found === undefined) return;
    const { draft, order } = found;
    for (let start = 0; start < order.length; start += READ_AHEAD) {
      const places = Array.from(order.subarray(start, start + READ_AHEAD), (index) => draft.placeOf(index));
      yield* await this.#spool.read(places);
    }
  }

  *callIds(group: ReplayGroup): Generator<string> {
    const found = this.#drafts.get(group);
    if (found === undefined) return;
    for (const index of found.order) yield found.draft.ids[index] ?? "";
  }

  discard(): Promise<void> {
    return this.#spool.close();
  }
}
