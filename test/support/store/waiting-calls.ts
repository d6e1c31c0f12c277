/** One callback's calls, as the dispatcher reads those of many. */
import type { Call } from "../../../src/domain/call.js";
import type { BacklogRead, DueRead, PendingRead } from "../../../src/store/calls/fetch-calls.js";
import type { DispatchStore } from "../../../src/store/dispatch-store.js";

export async function fetchPending(
  store: Pick<DispatchStore, "fetchPending">,
  callbackId: string,
  limit: number,
  options: Omit<PendingRead, "callbackId" | "limit"> = {},
): Promise<readonly Call[]> {
  return (await store.fetchPending([{ callbackId, limit, ...options }]))[0] ?? [];
}

export async function fetchDue(
  store: Pick<DispatchStore, "fetchDue">,
  callbackId: string,
  dueBefore: number,
  limit: number,
  options: Omit<DueRead, "callbackId" | "limit" | "dueBefore"> = {},
): Promise<readonly Call[]> {
  return (await store.fetchDue([{ callbackId, dueBefore, limit, ...options }]))[0] ?? [];
}

export async function fetchReplays(
  store: Pick<DispatchStore, "fetchReplays">,
  callbackId: string,
  limit: number,
): Promise<readonly Call[]> {
  return (await store.fetchReplays([{ callbackId, limit }]))[0] ?? [];
}

export async function fetchBacklog(
  store: Pick<DispatchStore, "fetchBacklog">,
  callbackId: string,
  recovery: number,
  limit: number,
  options: Omit<BacklogRead, "callbackId" | "limit" | "recovery"> = {},
): Promise<readonly Call[]> {
  return (await store.fetchBacklog([{ callbackId, recovery, limit, ...options }]))[0] ?? [];
}

export async function fetchHeld(store: Pick<DispatchStore, "fetchHeld">, callbackId: string): Promise<Call | null> {
  return (await store.fetchHeld([{ callbackId, limit: 1 }]))[0]?.[0] ?? null;
}
