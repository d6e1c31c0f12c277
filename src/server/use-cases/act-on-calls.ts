/** Marks or replays a set of calls: exactly those that were counted when it was confirmed, as far as they haven't changed since. */
import { type CallProgress, type CallStatus, isErased } from "../../domain/call.js";
import type { CallFilter } from "../../domain/call-filter.js";
import type { Callback } from "../../domain/callback.js";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import type { ServerDeps } from "../server-deps.js";
import { markCalls, requestReplay } from "./settle-calls.js";

/** Mark SUCCESS, mark FAILED, replay. */
export type CallAction = "success" | "failed" | "replay";

/** By ids, at most 100, or by a filter that `boundedFilter` made. */
export type CallSet = Listed | Matching;
type Listed = { readonly callIds: readonly string[] };
type Matching = { readonly filter: CallFilter };

export interface CountedCalls {
  readonly count: number;
  /** Listed, but not in a state to act on. */
  readonly others: number;
  readonly notFound: number;
}

export interface ActionRequest {
  readonly action: CallAction;
  readonly set: CallSet;
  /** Confirmed. */
  readonly counted: number;
  /** Of this confirmation: sent twice, it acts once. Also the replay's id. */
  readonly id: string;
}

export interface ActionResult {
  readonly done: number;
  /** Counted, but marked or attempted since: left as they are. */
  readonly changed: number;
  readonly notFound: number;
  /** Of a mark: the calls' `markedAt`. */
  readonly at: number;
  /** Of `done`: wait for an earlier replay. */
  readonly waiting: number;
}

/** An outcome is committed some milliseconds after its attempt has ended. */
const COMMITTED_MS = 500;

/** The calls of the filter that the action applies to, as they are now. Throws `invalid` if it applies to none of the filter's status. */
export function boundedFilter(action: CallAction, filter: CallFilter, now: number): CallFilter {
  const { status } = filter;
  const statuses = STATUSES_OF[action];
  if (status !== undefined && !statuses.includes(status)) {
    throw new WhcbError("invalid", `The action doesn't apply to ${status} calls`);
  }
  return { ...filter, status: status ?? statuses[0], changedBefore: now - COMMITTED_MS };
}

/** The first is meant if none is given. */
const STATUSES_OF: Readonly<Record<CallAction, readonly [CallStatus, ...CallStatus[]]>> = {
  success: ["FAILED", "PENDING"],
  failed: ["SUCCESS"],
  replay: ["FAILED"],
};

const MARKS = { success: "SUCCESS", failed: "FAILED" } as const;

function applies(action: CallAction, call: CallProgress): boolean {
  return STATUSES_OF[action].includes(call.status) && !(action === "failed" && isErased(call));
}

/** Exact, however long it takes; the event loop isn't held up. */
export async function countSet({ store }: ServerDeps, { id }: Callback, action: CallAction, set: CallSet): Promise<CountedCalls> {
  if ("filter" in set) {
    const { count } = await store.countMatching(id, set.filter, { budgetMs: Number.POSITIVE_INFINITY });
    return { count, others: 0, notFound: 0 };
  }
  const found = await store.findProgress(id, set.callIds);
  const count = [...found.values()].filter((call) => applies(action, call)).length;
  return { count, others: found.size - count, notFound: set.callIds.length - found.size };
}

/** Results are kept for this many confirmations. */
const KEPT_RESULTS = 1_000;

export class CallActions {
  readonly #deps: ServerDeps;
  readonly #results = new Map<string, Promise<ActionResult>>();

  constructor(deps: ServerDeps) {
    this.#deps = deps;
  }

  /** A second request gets the first one's result. Throws `not-found` for the callback, `locked` while a run sends its calls. */
  act(callback: Callback, request: ActionRequest): Promise<ActionResult> {
    const key = `${callback.id} ${request.id}`;
    const known = this.#results.get(key);
    if (known !== undefined) return known;
    const result =
      "filter" in request.set ? this.#onMatching(callback, request, request.set) : this.#onListed(callback, request, request.set);
    this.#results.set(key, result);
    result.catch(() => this.#results.delete(key));
    const [oldest] = this.#results.keys();
    if (this.#results.size > KEPT_RESULTS && oldest !== undefined) this.#results.delete(oldest);
    return result;
  }

  async #onMatching(callback: Callback, { action, counted, id }: ActionRequest, set: Matching): Promise<ActionResult> {
    const { store, clock, onWork } = this.#deps;
    const at = clock.now();
    const result = (done: number, waiting: number) => ({ done, waiting, changed: Math.max(0, counted - done), notFound: 0, at });
    if (action === "replay") {
      const { total, accepted } = await this.#replay(callback, id, set);
      return result(accepted, accepted - total);
    }
    const done = await store.markMatching(callback.id, set.filter, { status: MARKS[action], by: "user", now: at });
    onWork(callback.id, "changed");
    return result(done, 0);
  }

  async #onListed(callback: Callback, { action, id }: ActionRequest, set: Listed): Promise<ActionResult> {
    const { store, clock } = this.#deps;
    const at = clock.now();
    for (;;) {
      const found = await store.findProgress(callback.id, set.callIds);
      const callIds = [...found].filter(([, call]) => applies(action, call)).map(([callId]) => callId);
      const result = {
        done: callIds.length,
        changed: found.size - callIds.length,
        notFound: set.callIds.length - found.size,
        at,
      };
      if (callIds.length === 0) return { ...result, waiting: 0 };
      try {
        if (action === "replay") {
          const { total, accepted } = await this.#replay(callback, id, { callIds });
          return { ...result, waiting: accepted - total };
        }
        await markCalls(this.#deps, callback, { callIds, status: MARKS[action], settledBy: "user" }, at);
        return { ...result, waiting: 0 };
      } catch (error) {
        // One has just been purged: the others are to be marked all the same.
        if (!isWhcbError(error) || error.code !== "not-found") throw error;
      }
    }
  }

  /** Another process may have done it, or this one before it was started again. */
  async #replay(callback: Callback, id: string, set: CallSet): Promise<{ readonly total: number; readonly accepted: number }> {
    const earlier = await this.#deps.store.findReplay(callback.id, id);
    if (earlier !== null) return { total: earlier.total, accepted: earlier.total };
    return requestReplay(this.#deps, callback, set, null, id);
  }
}
