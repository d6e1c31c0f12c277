import type { Call } from "../../domain/call.js";
import { FAILURES_TO_DOWN } from "../../domain/endpoint.js";
import type { BacklogRead, CallRead, DueRead, PendingRead } from "../../store/calls/fetch-calls.js";
import type { Store } from "../../store/open-store.js";

/** Depends on the state of the endpoint (docs/dispatcher.md, An endpoint). */
export interface WorkRequest {
  readonly callbackId: string;
  readonly fence: number;
  readonly generation: number;
  /** The store doesn't know that this many calls are busy, so that many more are read. */
  readonly busy: number;
  /** This many calls are read beyond the busy ones. */
  readonly batch: number;
  /** Larger responses are left out. */
  readonly maxBytes: number;
  /** Calls last attempted after this must wait (docs/dispatcher.md, A call, Rule 11). */
  readonly attemptedBefore: number;
  /** Calls that first failed before this lose their retry; it is null if none does. */
  readonly expireBefore: number | null;
  readonly wantsPending: boolean;
  /** No call before this seq is PENDING. */
  readonly pendingFrom: number;
  readonly mayProbe: boolean;
  readonly wantsHeld: boolean;
  readonly failed: FailedCalls | null;
}

/** Those due by `at` are read, those not tried in this recovery, or the next for a round. Requested replays come first. */
export type FailedCalls =
  | { readonly kind: "due"; readonly at: number }
  | { readonly kind: "backlog"; readonly recovery: number }
  | { readonly kind: "round" };

export interface WorkBatch extends FailedBatch {
  readonly request: WorkRequest;
  readonly pending: readonly Call[];
  readonly hasMorePending: boolean;
  readonly held: Call | null;
}

interface FailedBatch {
  readonly failed: readonly Call[];
  readonly hasMoreFailed: boolean;
  /** Failed calls, whenever they are due; it is empty if there are more in `failed`. */
  readonly upcoming: readonly Call[];
  readonly hasMoreUpcoming: boolean;
}

const EXPIRY_CHUNK = 5_000;

/** Takes a few statements, however many requests there are. */
export async function fetchWork(requests: readonly WorkRequest[], queue: Store["queue"]): Promise<WorkBatch[]> {
  const pending = await fetchLists(requests, pendingRead, queue.fetchPending);
  await expireRetries(requests, queue);
  const held = await fetchLists(requests, heldRead, queue.fetchHeld);
  const failed = await fetchFailed(requests, queue);
  return requests.map((request) => {
    const waiting = pending.get(request) ?? [];
    return {
      request,
      pending: waiting,
      hasMorePending: waiting.length === readOf(request).limit,
      held: held.get(request)?.[0] ?? null,
      ...(failed.get(request) ?? NONE_FAILED),
    };
  });
}

async function expireRetries(requests: readonly WorkRequest[], queue: Store["queue"]): Promise<void> {
  const expiries = requests.flatMap(({ callbackId, fence, expireBefore }) =>
    expireBefore === null ? [] : [{ callbackId, fence, firstFailedBefore: expireBefore }],
  );
  if (expiries.length === 0) return;
  while ((await queue.expireRetries(expiries, EXPIRY_CHUNK)) === EXPIRY_CHUNK);
}

const NONE_FAILED: FailedBatch = { failed: [], hasMoreFailed: false, upcoming: [], hasMoreUpcoming: false };

async function fetchFailed(requests: readonly WorkRequest[], queue: Store["queue"]): Promise<Map<WorkRequest, FailedBatch>> {
  const replays = await fetchLists(requests, failedRead, queue.fetchReplays);
  const due = await fetchLists(requests, dueRead, queue.fetchDue);
  const backlogs = await fetchLists(requests, backlogRead, queue.fetchBacklog);
  const batches = new Map<WorkRequest, FailedBatch>();
  for (const [request, rest] of [...due, ...backlogs]) {
    const requested = replays.get(request) ?? [];
    const failed = requested.length === 0 ? rest : [...requested, ...withoutReplays(rest, requested)];
    const limit = failedLimit(request);
    batches.set(request, { ...NONE_FAILED, failed, hasMoreFailed: requested.length === limit || rest.length === limit });
  }
  const upcomingLimit = (request: WorkRequest) => (batches.get(request)?.failed.length ?? 0) + request.busy + 1;
  const upcomingRead = (request: WorkRequest) => {
    const limit = upcomingLimit(request);
    const isWanted = batches.get(request)?.hasMoreFailed === false;
    return isWanted ? { callbackId: request.callbackId, dueBefore: Number.POSITIVE_INFINITY, limit, maxBytes: 0 } : null;
  };
  for (const [request, upcoming] of await fetchLists(requests, upcomingRead, queue.fetchDue)) {
    const hasMoreUpcoming = upcoming.length === upcomingLimit(request);
    batches.set(request, { ...(batches.get(request) ?? NONE_FAILED), upcoming, hasMoreUpcoming });
  }
  return batches;
}

/** Replays are read on their own; one that was cancelled between the two reads is in both. */
function withoutReplays(calls: readonly Call[], replays: readonly Call[]): readonly Call[] {
  const seqs = new Set(replays.map(({ seq }) => seq));
  return calls.filter(({ seq, due }) => due?.cause !== "replay" && !seqs.has(seq));
}

/** Fetches the calls of those requests that have something to read. */
async function fetchLists<Read>(
  requests: readonly WorkRequest[],
  readFor: (request: WorkRequest) => Read | null,
  fetch: (reads: readonly Read[]) => Promise<readonly (readonly Call[])[]>,
): Promise<Map<WorkRequest, readonly Call[]>> {
  const reads = new Map<WorkRequest, Read>();
  for (const request of requests) {
    const read = readFor(request);
    if (read !== null) reads.set(request, read);
  }
  const lists = reads.size === 0 ? [] : await fetch([...reads.values()]);
  return new Map(Array.from(reads.keys(), (request, index) => [request, lists[index] ?? []]));
}

function readOf({ callbackId, batch, busy, maxBytes }: WorkRequest): CallRead {
  return { callbackId, limit: batch + busy, maxBytes };
}

function pendingRead(request: WorkRequest): PendingRead | null {
  return request.wantsPending ? { ...readOf(request), from: request.pendingFrom } : null;
}

function heldRead({ callbackId, wantsHeld, maxBytes }: WorkRequest): CallRead | null {
  return wantsHeld ? { callbackId, limit: 1, maxBytes } : null;
}

function failedRead(request: WorkRequest): CallRead | null {
  return request.failed && { ...readOf(request), limit: failedLimit(request) };
}

function failedLimit({ failed, batch, busy }: WorkRequest): number {
  return failed?.kind === "round" ? FAILURES_TO_DOWN + busy + 1 : batch + busy;
}

function dueRead(request: WorkRequest): DueRead | null {
  const { failed, attemptedBefore } = request;
  const read = failedRead(request);
  if (read === null || failed === null || failed.kind === "backlog") return null;
  return { ...read, attemptedBefore, dueBefore: failed.kind === "due" ? failed.at : Number.POSITIVE_INFINITY };
}

function backlogRead(request: WorkRequest): BacklogRead | null {
  const { failed, attemptedBefore } = request;
  const read = failedRead(request);
  return read !== null && failed?.kind === "backlog" ? { ...read, attemptedBefore, recovery: failed.recovery } : null;
}
