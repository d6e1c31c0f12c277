/** These builders of the store's contract use one instant, callbacks, and calls with short ids. */
import type { Attempt } from "../../src/domain/attempt.js";
import type { CallStatus } from "../../src/domain/call.js";
import type { CallFilter } from "../../src/domain/call-filter.js";
import type { Callback, CallbackSettings } from "../../src/domain/callback.js";
import { type Endpoint, NEW_ENDPOINT } from "../../src/domain/endpoint.js";
import { DEFAULT_RETRY_POLICY } from "../../src/domain/retry-policy.js";
import type { Clock } from "../../src/platform/clock.js";
import type { CallQuery } from "../../src/store/calls/list-calls.js";
import type { Mark } from "../../src/store/calls/mark-calls.js";
import type { ReplayRequest } from "../../src/store/calls/replays.js";
import type { Store } from "../../src/store/open-store.js";
import type { OutcomeGroup } from "../../src/store/outcomes/commit-outcomes.js";
import { anAttempt, aResponse, REFUSED_503, someSettings } from "../support/builders.js";
import { fetchPending } from "../support/store/waiting-calls.js";

export const NOW = Date.UTC(2030, 0, 1);
export const MINUTE = 60_000;
export const DAY = 24 * 60 * MINUTE;
export const POLICY = { ...DEFAULT_RETRY_POLICY, jitter: false };

/** Opens a new store for each case; it is closed afterwards. */
export type OpenStore = (options?: {
  readonly clock: Clock;
  readonly isServed?: boolean;
  readonly isSent?: () => Promise<boolean>;
}) => Promise<Store>;

let callbacksMade = 0;

export function aCallback(store: Store, over: Partial<CallbackSettings> = {}, now = 0): Promise<Callback> {
  callbacksMade += 1;
  const id = callbacksMade.toString(16).toUpperCase().padStart(16, "0");
  return store.callbacks.create(id, someSettings({ name: `callback ${callbacksMade}`, ...over }), now);
}

export async function accept(store: Store, callback: Callback, ids: readonly string[], now = NOW): Promise<void> {
  await store.calls.accept([{ callbackId: callback.id, calls: ids.map((id) => ({ id, response: aResponse() })) }], now);
}

export function aGroup(over: Partial<OutcomeGroup> = {}): OutcomeGroup {
  return {
    ...{ attempts: [], holdings: [], endpoints: [], closedOutages: [], mails: [] },
    ...{ fences: new Map(), policy: POLICY, isRepeated: false },
    ...over,
  };
}

export const aReplay = (selection: ReplayRequest["selection"], over: Partial<ReplayRequest> = {}): ReplayRequest => {
  return { id: "REPLAY", by: null, selection, ...over };
};

export function anEndpoint(over: Partial<Endpoint> = {}): Endpoint {
  return { ...NEW_ENDPOINT, ...over };
}

/** Commits an attempt of each of these calls, numbered as the dispatcher would. */
export async function attempt(
  store: Store,
  callback: Callback,
  ids: readonly string[],
  { outageId = null, ...over }: Partial<Attempt> & { readonly outageId?: string | null } = {},
  recovery = 0,
): Promise<void> {
  const attempts = [];
  for (const id of ids) {
    const call = await callOf(store, callback, id);
    const number = call.attemptCount + 1;
    attempts.push({
      callbackId: callback.id,
      callId: call.id,
      callSeq: call.seq,
      attempt: anAttempt({ number, startedAt: NOW, ...over }),
      random: 0.5,
      recovery,
      outageId,
    });
  }
  await store.outcomes.commit(aGroup({ attempts }));
}

export async function hold(store: Store, callback: Callback, ids: readonly string[], at = NOW, outageId?: string): Promise<void> {
  const holdings = [];
  for (const id of ids) {
    holdings.push({
      callbackId: callback.id,
      callId: id,
      callSeq: (await callOf(store, callback, id)).seq,
      at,
      ...(outageId !== undefined && { outageId }),
    });
  }
  await store.outcomes.commit(aGroup({ holdings }));
}

export async function callOf(store: Store, callback: Callback, id: string) {
  const call = await store.calls.find(callback.id, id);
  if (call === null) throw new Error(`There is no call ${id}`);
  return call;
}

export const idsOf = (calls: readonly { readonly id: string }[]): string[] => calls.map(({ id }) => id);

export function query(over: Partial<CallQuery> = {}): CallQuery {
  return { filter: {}, sort: [], limit: 20, offset: 0, ...over };
}

export async function everyCall(store: Store, callback: Callback, filter: CallQuery["filter"]) {
  return (await store.calls.list(callback.id, query({ filter, limit: 10_000 }))).items;
}

/** Counts rows, to compare with the counters. */
/** Marks what matches now. Resolves to how many have changed. */
export async function markMatching(store: Store, callbackId: string, filter: CallFilter, mark: Mark): Promise<number> {
  return store.calls.markMatching(callbackId, await store.calls.findMatching(callbackId, filter), mark);
}

export async function countRows(store: Store, callback: Callback): Promise<Record<CallStatus, number>> {
  const counts = { PENDING: 0, SUCCESS: 0, FAILED: 0 };
  for (const status of ["PENDING", "SUCCESS", "FAILED"] as const)
    counts[status] = (await everyCall(store, callback, { status })).length;
  return counts;
}

/** Makes calls that were attempted once, in one commit, with 503 unless said otherwise. */
export async function manyFailed(
  store: Store,
  callback: Callback,
  calls: number,
  attemptOf: (index: number) => Parameters<typeof anAttempt>[0],
  name = "call",
): Promise<void> {
  await accept(
    store,
    callback,
    Array.from({ length: calls }, (_, index) => `${name} ${index}`),
  );
  const pending = await fetchPending(store, callback.id, calls);
  const attempts = pending.map(({ id, seq }, index) => {
    const made = anAttempt({ startedAt: NOW, result: REFUSED_503, ...attemptOf(index) });
    return { callbackId: callback.id, callId: id, callSeq: seq, random: 0.5, recovery: 0, attempt: made };
  });
  await store.outcomes.commit(aGroup({ attempts }));
}

/** Counts the turns of the event loop. */
export async function turnsDuring(work: () => Promise<void>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const spin = () => {
    turns += 1;
    if (!isDone) setImmediate(spin);
  };
  setImmediate(spin);
  await work();
  isDone = true;
  return turns;
}
