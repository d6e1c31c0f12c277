import type { Call } from "../../domain/call.js";
import { FAILURES_TO_DOWN } from "../../domain/endpoint.js";
import type { DispatchStore, EndpointRecord } from "../../store/store.js";

/** Depends on the endpoint's state (docs/dispatcher.md, An endpoint). */
export interface WorkRequest {
  readonly callbackId: string;
  readonly generation: number;
  /** The store doesn't know of these: that many more are read. */
  readonly busy: number;
  /** Beyond the busy ones. */
  readonly batch: number;
  /** Larger responses are left out. */
  readonly maxBytes: number;
  /** Calls last attempted after this must wait (docs/dispatcher.md, A call, Rule 11). */
  readonly attemptedBefore: number;
  /** Calls that first failed before this lose their retry; null: none. */
  readonly expireBefore: number | null;
  readonly wantsPending: boolean;
  readonly mayProbe: boolean;
  readonly wantsHeld: boolean;
  readonly failed: FailedCalls | null;
}

/** Due by `at`; not tried in this recovery; the next for a round. Requested replays come first. */
export type FailedCalls =
  | { readonly kind: "due"; readonly at: number }
  | { readonly kind: "backlog"; readonly recovery: number }
  | { readonly kind: "round" };

export interface WorkBatch {
  readonly request: WorkRequest;
  readonly pending: readonly Call[];
  readonly hasMorePending: boolean;
  readonly held: Call | null;
  readonly failed: readonly Call[];
  readonly hasMoreFailed: boolean;
  /** Whenever due; empty if there are more failed ones. */
  readonly upcoming: readonly Call[];
  readonly hasMoreUpcoming: boolean;
}

const EXPIRY_CHUNK = 5_000;

export async function fetchWork(request: WorkRequest, store: DispatchStore): Promise<WorkBatch> {
  const { callbackId, batch, busy, maxBytes, expireBefore, wantsPending, wantsHeld } = request;
  const limit = batch + busy;
  const failedLimit = request.failed?.kind === "round" ? FAILURES_TO_DOWN + busy + 1 : limit;
  const pending = wantsPending ? await store.fetchPending(callbackId, limit, { maxBytes }) : [];
  if (expireBefore !== null) while ((await store.expireRetries(callbackId, expireBefore, EXPIRY_CHUNK)) === EXPIRY_CHUNK);
  const held = wantsHeld ? await store.fetchHeld(callbackId, { maxBytes }) : null;
  return {
    request,
    pending,
    hasMorePending: pending.length === limit,
    held,
    ...(await fetchFailed(request, failedLimit, store)),
  };
}

type FailedBatch = Pick<WorkBatch, "failed" | "hasMoreFailed" | "upcoming" | "hasMoreUpcoming">;

async function fetchFailed(request: WorkRequest, limit: number, store: DispatchStore): Promise<FailedBatch> {
  const { callbackId, failed, busy, maxBytes } = request;
  if (failed === null) return { failed: [], hasMoreFailed: false, upcoming: [], hasMoreUpcoming: false };
  const replays = await store.fetchReplays(callbackId, limit, { maxBytes });
  const rest = await fetchRest(request, failed, limit, store);
  const calls = replays.length === 0 ? rest : [...replays, ...rest.filter(({ due }) => due?.cause !== "replay")];
  const hasMoreFailed = replays.length === limit || rest.length === limit;
  if (hasMoreFailed) return { failed: calls, hasMoreFailed, upcoming: [], hasMoreUpcoming: false };
  const upTo = calls.length + busy + 1;
  const upcoming = await store.fetchDue(callbackId, Number.POSITIVE_INFINITY, upTo, { maxBytes: 0 });
  return { failed: calls, hasMoreFailed, upcoming, hasMoreUpcoming: upcoming.length === upTo };
}

async function fetchRest(
  { callbackId, ...options }: WorkRequest,
  failed: FailedCalls,
  limit: number,
  store: DispatchStore,
): Promise<readonly Call[]> {
  switch (failed.kind) {
    case "round":
      return store.fetchDue(callbackId, Number.POSITIVE_INFINITY, limit, options);
    case "due":
      return store.fetchDue(callbackId, failed.at, limit, options);
    case "backlog":
      return store.fetchBacklog(callbackId, failed.recovery, limit, options);
  }
}

/** A wrong guess only costs a read: a hint is withdrawn only by an empty batch. */
export class StoreHints {
  mayHavePending: boolean;
  mayHaveFailed: boolean;
  mayHaveHeld: boolean;
  /** When the first retry is due, or earlier; null: none waits. */
  dueAt: number | null;
  isDirty = true;

  constructor({ pendingCalls, nextDueAt }: Pick<EndpointRecord, "pendingCalls" | "nextDueAt">) {
    this.mayHavePending = pendingCalls > 0;
    this.mayHaveFailed = nextDueAt !== null;
    this.mayHaveHeld = this.mayHaveFailed;
    // Read once: later ones may be due earlier after a clock change.
    this.dueAt = nextDueAt === null ? null : 0;
  }

  suspectAll(): void {
    this.mayHavePending = true;
    this.isDirty = true;
    this.expectDue(0);
  }

  expectDue(at: number): void {
    this.mayHaveFailed = true;
    this.mayHaveHeld = true;
    this.dueAt = Math.min(this.dueAt ?? at, at);
  }
}
