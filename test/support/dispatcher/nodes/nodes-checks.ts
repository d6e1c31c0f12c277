/** Compares what is stored with what the wire saw, once all faults have stopped and everything should have settled. */
import type { Attempt } from "../../../../src/domain/attempt.js";
import type { Call } from "../../../../src/domain/call.js";
import type { RetryPolicy } from "../../../../src/domain/retry-policy.js";
import { checkCounts, checkOutageCounts } from "../dispatch-checks.js";
import { CLOCKS_APART_MS, type NodeSent, type NodesModel, type SharedCallback } from "./nodes-model.js";
import type { SharedDatabase } from "./shared-database.js";

const ALL = { limit: 10_000, offset: 0 };

export async function checkNodes(
  { stores: [store] }: SharedDatabase,
  model: NodesModel,
  policy: RetryPolicy,
  now: number,
): Promise<readonly string[]> {
  const broken: string[] = [];
  const mails = await store.mails.fetchQueued(Number.MAX_SAFE_INTEGER, 10_000);
  for (const callback of model.callbacks.values()) {
    const { id } = callback;
    const { items: calls } = await store.calls.list(id, { ...ALL, filter: {}, sort: [] });
    const stored = new Map(calls.map((call) => [call.id, call]));
    broken.push(...(await checkCounts(store, id, stored)), ...(await checkOutageCounts(store, id, stored)));
    const attempts = await store.calls.listAttempts(id, [...stored.keys()]);
    for (const { id: callId, sent } of callback.calls.values()) {
      const recorded = sent.flatMap(({ isRecorded, attempt }) => (isRecorded && attempt ? [attempt.startedAt] : []));
      const listed = (attempts.get(callId) ?? []).map(({ startedAt }) => startedAt);
      if (!model.isJumpy && recorded.sort().join() !== listed.sort().join())
        broken.push(`I6 ${callId} lists ${listed} instead of ${recorded}`);
      if (recorded.length !== listed.length) broken.push(`I6 ${callId} lists ${listed.length} of ${recorded.length} attempts`);
    }
    broken.push(...checkSettled(callback, stored, model.isJumpy ? Number.POSITIVE_INFINITY : now - policy.windowMs));
    const { items: outages } = await store.outages.list({ ...ALL, callbackId: id });
    const owed = mails.filter(({ callbackId }) => callbackId === id).map(({ outageId }) => outageId);
    if (
      owed.sort().join() !==
      outages
        .map((outage) => outage.id)
        .sort()
        .join()
    )
      broken.push(`I4 ${owed.length} mails, ${outages.length} outages`);
    for (const outage of outages) if (outage.endedAt === null) broken.push(`the outage ${outage.id} is open`);
    if (!model.isJumpy) broken.push(...checkOutages(callback, outages, policy));
  }
  return broken;
}

/**
 * All calls may have failed so late that their windows were over. Then nothing is left to probe with, so an endpoint `mayBeDown` until the
 * next response, if nothing was accepted since.
 */
export async function checkEndpoints(
  { stores: [store] }: SharedDatabase,
  model: NodesModel,
  mayBeDown: boolean,
): Promise<string[]> {
  const broken: string[] = [];
  for (const { callback, endpoint } of await store.endpoints.list([...model.callbacks.keys()])) {
    const { state, downSince } = endpoint;
    const sent = [...(model.callbacks.get(callback.id)?.calls.values() ?? [])].flatMap((call) => call.sent);
    const wasAccepted = sent.some(
      ({ attempt, isRecorded, isAccepted }) => isRecorded && isAccepted && endOf(attempt) > (downSince ?? 0) + CLOCKS_APART_MS,
    );
    const isLeftDown = mayBeDown && state === "down" && (model.isJumpy || !wasAccepted);
    if (state !== "up" && !isLeftDown) broken.push(`the endpoint of ${callback.name} is ${state}`);
  }
  return broken;
}

/** I1 and I16: windows that began after `windowsFrom` aren't over. */
function checkSettled({ calls }: SharedCallback, stored: ReadonlyMap<string, Call>, windowsFrom: number): string[] {
  const broken: string[] = [];
  for (const { id, sent, settledAt, isMarkedFailed, wasMarked } of calls.values()) {
    const call = stored.get(id);
    if (call === undefined) {
      broken.push(`I1 lost: ${id}`);
      continue;
    }
    const { status, due, firstFailedAt } = call;
    if (status === "PENDING" || due !== null)
      broken.push(`I16 ${id} is ${status}, and due for a ${due?.cause ?? "first attempt"}`);
    if ((status === "SUCCESS") !== (settledAt !== null)) broken.push(`${id} is ${status}, and was settled at ${settledAt}`);
    const wasAccepted = sent.some(({ isRecorded, isAccepted }) => isRecorded && isAccepted);
    if (status === "SUCCESS" && !wasAccepted && !wasMarked) broken.push(`I1 ${id} is SUCCESS, and nobody has accepted it`);
    const isOver = firstFailedAt !== null && firstFailedAt <= windowsFrom + CLOCKS_APART_MS;
    if (status === "FAILED" && !isOver && !isMarkedFailed) broken.push(`I1 ${id} is FAILED within its window, and not retried`);
  }
  return broken;
}

interface CheckedOutage {
  readonly id: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/** I4: each was opened by a failed attempt, and none begins while another one is open, or ends for no reason. */
function checkOutages({ calls }: SharedCallback, outages: readonly CheckedOutage[], { windowMs }: RetryPolicy): string[] {
  const broken: string[] = [];
  const recorded = [...calls.values()].flatMap(({ sent }) => sent.filter(({ isRecorded }) => isRecorded));
  const wasMarked = [...calls.values()].some((call) => call.wasMarked);
  for (const { id, startedAt, endedAt } of outages) {
    const end = endedAt ?? Number.POSITIVE_INFINITY;
    const opening = openedBy(recorded, startedAt);
    if (opening.length === 0) broken.push(`I4 no failed attempt opened the outage ${id}`);
    // An attempt that began in it opens the next one if it failed after it, and has its own if it failed before it was opened.
    const others = outages.filter((other) => {
      const opened = openedBy(recorded, other.startedAt);
      return other.id !== id && Math.min(...opened) >= Math.max(...opening) && Math.max(...opened) < end;
    });
    if (others.length > 0) broken.push(`I4 ${others.length} outages were opened while ${id} was open`);
    const wasAccepted = recorded.some(
      ({ attempt, isAccepted }) => isAccepted && endOf(attempt) >= startedAt && endOf(attempt) <= end + CLOCKS_APART_MS,
    );
    if (!wasAccepted && !wasMarked && end < startedAt + windowMs)
      broken.push(`I4 the outage ${id} ended before anything was accepted`);
  }
  return broken;
}

/** Returns when the failed attempts ended that began with an outage. */
function openedBy(recorded: readonly NodeSent[], startedAt: number): readonly number[] {
  const isOpening = (at: number) => Math.abs(at - startedAt) <= CLOCKS_APART_MS;
  return recorded.flatMap(({ attempt, isAccepted }) =>
    attempt && !isAccepted && isOpening(attempt.startedAt) ? [endOf(attempt)] : [],
  );
}

function endOf(attempt: Attempt | null): number {
  return attempt === null ? 0 : attempt.startedAt + attempt.durationMs;
}
