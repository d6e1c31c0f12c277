/** Reads from the store what an endpoint's worker asks for. */
import type { Call } from "../domain/call.js";
import { FAILURES_TO_DOWN } from "../domain/endpoint.js";
import type { DispatchStore } from "../store/store.js";

/** What a worker wants to know of the store. Which calls may be sent depends on the endpoint's state (docs/dispatcher.md, An endpoint). */
export interface WorkRequest {
  readonly callbackId: string;
  /** The worker's, by which it knows a batch that became out of date. */
  readonly generation: number;
  /** Calls that are in flight, or waiting as a probe: the store doesn't know of them, so that many more are read. */
  readonly busy: number;
  /** Calls of one kind to read at most, beyond the busy ones. */
  readonly batch: number;
  /** Calls that first failed before this lose their retry first; null: none. */
  readonly expireBefore: number | null;
  readonly wantsPending: boolean;
  readonly mayProbe: boolean;
  readonly wantsHeld: boolean;
  readonly failed: FailedCalls | null;
}

/** Which failed calls: due by `at`; not tried in this recovery; the next ones for a round. */
export type FailedCalls =
  | { readonly kind: "due"; readonly at: number; readonly latest: number }
  | { readonly kind: "backlog"; readonly recovery: number }
  | { readonly kind: "round" };

export interface WorkBatch {
  readonly request: WorkRequest;
  readonly pending: readonly Call[];
  readonly hasMorePending: boolean;
  /** The oldest that was held. */
  readonly held: Call | null;
  readonly failed: readonly Call[];
  readonly hasMoreFailed: boolean;
  /** The first calls with something due, whenever that is; empty where there are more failed ones. */
  readonly upcoming: readonly Call[];
  readonly hasMoreUpcoming: boolean;
}

const EXPIRY_CHUNK = 5_000;

export async function fetchWork(request: WorkRequest, store: DispatchStore): Promise<WorkBatch> {
  const { callbackId, batch, busy, expireBefore, wantsPending, wantsHeld } = request;
  const limit = batch + busy;
  const pending = wantsPending ? await store.fetchPending(callbackId, limit) : [];
  if (expireBefore !== null) while ((await store.expireRetries(callbackId, expireBefore, EXPIRY_CHUNK)) === EXPIRY_CHUNK);
  const held = wantsHeld ? await store.fetchHeld(callbackId) : null;
  return { request, pending, hasMorePending: pending.length === limit, held, ...(await fetchFailed(request, limit, store)) };
}

type FailedBatch = Pick<WorkBatch, "failed" | "hasMoreFailed" | "upcoming" | "hasMoreUpcoming">;

async function fetchFailed({ callbackId, failed, busy }: WorkRequest, limit: number, store: DispatchStore): Promise<FailedBatch> {
  const fetchUpcoming = async (count: number): Promise<Pick<FailedBatch, "upcoming" | "hasMoreUpcoming">> => {
    const upcoming = await store.fetchDue(callbackId, Number.POSITIVE_INFINITY, count + busy + 1);
    return { upcoming, hasMoreUpcoming: upcoming.length > count + busy };
  };
  switch (failed?.kind) {
    case undefined:
      return { failed: [], hasMoreFailed: false, upcoming: [], hasMoreUpcoming: false };
    case "round": {
      const { upcoming, hasMoreUpcoming } = await fetchUpcoming(FAILURES_TO_DOWN);
      return { failed: upcoming, hasMoreFailed: hasMoreUpcoming, upcoming: [], hasMoreUpcoming: false };
    }
    case "due": {
      await store.bringForward(callbackId, failed.latest);
      const due = await store.fetchDue(callbackId, failed.at, limit);
      if (due.length === limit) return { failed: due, hasMoreFailed: true, upcoming: [], hasMoreUpcoming: false };
      return { failed: due, hasMoreFailed: false, ...(await fetchUpcoming(due.length)) };
    }
    case "backlog": {
      const backlog = await store.fetchBacklog(callbackId, failed.recovery, limit);
      if (backlog.length === limit) return { failed: backlog, hasMoreFailed: true, upcoming: [], hasMoreUpcoming: false };
      return { failed: backlog, hasMoreFailed: false, ...(await fetchUpcoming(0)) };
    }
  }
}
