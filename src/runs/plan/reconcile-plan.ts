/** The FAILED calls of a callback, told apart by what the receiver says it has. */
import type { ListedCallback } from "../../client/client.js";
import type { ReplayPlan } from "./replay-plan.js";

export interface ReconcilePlan {
  readonly callback: ListedCallback;
  /** To be marked and not sent. */
  readonly seen: readonly string[];
  /** The rest, to be replayed. */
  readonly replay: ReplayPlan;
  /** FAILED calls in all: seen and the rest. */
  readonly failed: number;
  /** Lines of the file that no failed call answers to. */
  readonly unmatched: number;
  /** By message: seen messages that have more than one failed call, all of which count as seen. */
  readonly sharedMessages: number;
}

export interface SeenList {
  readonly by: "message" | "call";
  /** Upper case. */
  readonly ids: ReadonlySet<string>;
}
