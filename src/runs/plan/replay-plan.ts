/** The snapshot that a replay works through: every matching call, each id once, oldest first, taken before one is sent. */
import type { ListedCallback } from "../../client/client.js";

/** What the plan's scope seemed to mean, and the plan doesn't hold. */
export interface LeftOutCalls {
  /** Listed by the service although the filter doesn't mean them. */
  readonly leftOut: number;
  /** Named by id, but not FAILED. */
  readonly notFailed: number;
  /** Named by id, but no call of these callbacks. */
  readonly missing: readonly string[];
  /** Left because the service is still retrying them (`skipRetrying`). */
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

export interface ReplayGroup {
  /** `auth.key` is "" where the service doesn't return it: then the key has to come from the person. */
  readonly callback: ListedCallback;
  readonly calls: number;
  /** Of those, how many the service is still retrying: the receiver may see them twice. */
  readonly retrying: number;
  /** Last attempts, epoch ms; null where no call has one. */
  readonly firstAttemptedAt: number | null;
  readonly lastAttemptedAt: number | null;
  /** How many have which status code (null: no answer came), most frequent first. */
  readonly statusCodes: readonly { readonly statusCode: number | null; readonly calls: number }[];
}

export interface PlannedCall {
  readonly id: string;
  /** As the endpoint receives it, in UTF-8. */
  readonly body: Uint8Array;
  /** Whose order may be kept (`serialBy`). */
  readonly from: string;
  readonly message: string;
}
