/** Reads one callback's calls as the dispatcher reads those of many. */
import type { Call } from "../../../src/domain/call.js";
import type { BacklogRead, DueRead, PendingRead } from "../../../src/store/calls/fetch-calls.js";
import type { Store } from "../../../src/store/open-store.js";

export async function fetchPending(
  store: Store,
  callbackId: string,
  limit: number,
  options: Partial<PendingRead> = {},
): Promise<readonly Call[]> {
  return (await store.queue.fetchPending([{ callbackId, limit, ...options }]))[0] ?? [];
}

export async function fetchDue(
  store: Store,
  callbackId: string,
  dueBefore: number,
  limit: number,
  options: Partial<DueRead> = {},
): Promise<readonly Call[]> {
  return (await store.queue.fetchDue([{ callbackId, dueBefore, limit, ...options }]))[0] ?? [];
}

export async function fetchReplays(store: Store, callbackId: string, limit: number): Promise<readonly Call[]> {
  return (await store.queue.fetchReplays([{ callbackId, limit }]))[0] ?? [];
}

export async function fetchBacklog(
  store: Store,
  callbackId: string,
  recovery: number,
  limit: number,
  options: Partial<BacklogRead> = {},
): Promise<readonly Call[]> {
  return (await store.queue.fetchBacklog([{ callbackId, recovery, limit, ...options }]))[0] ?? [];
}

export async function fetchHeld(store: Store, callbackId: string): Promise<Call | null> {
  return (await store.queue.fetchHeld([{ callbackId, limit: 1 }]))[0]?.[0] ?? null;
}
