/** The calls that a run of marks is about. */
import type { ListedCallback } from "../../client/client.js";

export interface MarkPlan {
  readonly runId: string;
  readonly status: "SUCCESS" | "FAILED";
  readonly groups: readonly MarkGroup[];
  /** Calls to mark, over all groups. */
  readonly calls: number;
  readonly leftOut: number;
  /** Named by id and looked for, but found in none of the callbacks. */
  readonly missing: readonly string[];
}

export interface MarkGroup {
  readonly callback: ListedCallback;
  readonly callIds: readonly string[];
}
