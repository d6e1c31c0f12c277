/** Reads from the store what an endpoint may send next; which calls those are depends on its state (dispatch.md, an endpoint). */
import type { Call } from "../domain/call.js";
import { FAILURES_TO_DOWN } from "../domain/endpoint.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { DispatchStore } from "../store/store.js";
import type { EndpointWorker } from "./endpoint-worker.js";

export interface SupplyDeps {
  readonly store: DispatchStore;
  readonly policy: RetryPolicy;
  readonly batch: number;
}

/** With fewer calls than this left in memory, more are read. */
const LOW_WATER = 64;
const EXPIRY_CHUNK = 5_000;

/** Whether a reading would bring something now. */
export function needsSupply(worker: EndpointWorker, now: number): boolean {
  if (worker.isDirty) return true;
  const at = nextSupplyAt(worker);
  if (at !== null && at <= now) return true;
  if (worker.mayHavePending && worker.fresh.length < LOW_WATER) return true;
  if (worker.track.endpoint.state !== "recovering" || worker.backlog.length >= LOW_WATER) return false;
  return worker.mayHaveDue || (worker.inFlight === 0 && worker.backlog.length === 0 && worker.fresh.length === 0);
}

/** When the endpoint's clock, or the first of its calls' own, makes a reading due; null: nothing waits for a time. */
export function nextSupplyAt(worker: EndpointWorker): number | null {
  const { endpoint, callback } = worker.track;
  switch (endpoint.state) {
    case "up":
      return worker.backlog.length < LOW_WATER ? worker.dueAt : null;
    case "recovering":
      return null;
    case "down": {
      const tickAt = worker.mayHaveDue && !worker.isTicking ? worker.track.nextTickAt() : null;
      const probeAt = worker.mayHaveHeld && worker.mayProbe && callback.retriesEnabled ? endpoint.probeAt : null;
      return earlier(tickAt, probeAt);
    }
  }
}

export function earlier(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** Reads anew what may be sent, and offers it. What changes while it is read leaves the worker dirty: it is read again. */
export function supply(worker: EndpointWorker, now: number, deps: SupplyDeps): Promise<void> {
  worker.isDirty = false;
  switch (worker.track.endpoint.state) {
    case "up":
      return supplyUp(worker, now, deps);
    case "recovering":
      return supplyRecovering(worker, deps);
    case "down":
      return supplyDown(worker, now, deps);
  }
}

/** Up: new responses as they come, failed calls when their own turn comes. */
async function supplyUp(worker: EndpointWorker, now: number, deps: SupplyDeps): Promise<void> {
  await readFresh(worker, deps);
  if (worker.dueAt === null || worker.dueAt > now) return;
  const { generation } = worker;
  await expireBefore(worker, now, deps);
  const limit = deps.batch + worker.busyCount;
  const rows = await deps.store.fetchDue(worker.track.callback.id, now, limit);
  const waiting = rows.length < limit ? await readWaiting(worker, rows.length, deps) : rows;
  if (worker.generation !== generation) return;
  worker.offer(worker.backlog, worker.withoutBusy(rows));
  expectNext(worker, rows.length < limit ? waiting.find((call) => (call.due?.at ?? 0) > now) : waiting[0]);
}

/** Recovering: everything that was inside its window when the recovery began; when none of it is left untried, up. */
async function supplyRecovering(worker: EndpointWorker, deps: SupplyDeps): Promise<void> {
  await readFresh(worker, deps);
  const { generation } = worker;
  const { endpoint, callback } = worker.track;
  await expireBefore(worker, endpoint.recoveringSince ?? 0, deps);
  const limit = deps.batch + worker.busyCount;
  const rows = await deps.store.fetchBacklog(callback.id, endpoint.recovery, limit);
  const isMore = rows.length === limit;
  const [waiting] = isMore ? rows : await readWaiting(worker, 0, deps);
  if (worker.generation !== generation) return;
  worker.offer(worker.backlog, worker.withoutBusy(rows));
  worker.mayHaveDue = isMore;
  const isFreshDone = worker.fresh.length === 0 || worker.limit >= LOW_WATER;
  if (isMore || worker.backlog.length > 0 || !isFreshDone) return;
  worker.track.drained();
  expectNext(worker, waiting);
}

/** Down: new responses are held (or sent, where no retry would take care of them), a probe or a tick goes when its time has come. */
async function supplyDown(worker: EndpointWorker, now: number, deps: SupplyDeps): Promise<void> {
  if (worker.track.callback.retriesEnabled) await holdAndProbe(worker, now, deps);
  else await readFresh(worker, deps);
  const tickAt = worker.mayHaveDue && !worker.isTicking ? worker.track.nextTickAt() : null;
  if (tickAt === null || tickAt > now) return;
  const { generation } = worker;
  await expireBefore(worker, now, deps);
  const calls = await readWaiting(worker, FAILURES_TO_DOWN, deps);
  if (worker.generation !== generation) return;
  worker.mayHaveDue = calls.length > 0;
  worker.track.beginTick(now);
  worker.offer(worker.backlog, calls.slice(0, worker.room));
}

async function holdAndProbe(worker: EndpointWorker, now: number, deps: SupplyDeps): Promise<void> {
  const { generation } = worker;
  const { callback, endpoint } = worker.track;
  const isProbeDue = worker.mayProbe && endpoint.probeAt !== null && endpoint.probeAt <= now;
  if (isProbeDue) await expireBefore(worker, now, deps);
  const held = isProbeDue && worker.mayHaveHeld ? await deps.store.fetchHeld(callback.id) : null;
  const pending = worker.mayHavePending ? await readPending(worker, deps) : [];
  if (worker.generation !== generation) return;
  if (isProbeDue) {
    const [free] = held ? worker.withoutBusy([held]) : [];
    worker.mayHaveHeld = free !== undefined;
    const probe = free ?? pending.shift();
    if (probe) worker.offerProbe(probe);
  }
  for (const call of pending) worker.hold(call, now);
}

async function readFresh(worker: EndpointWorker, deps: SupplyDeps): Promise<void> {
  if (!worker.mayHavePending) return;
  const { generation } = worker;
  const pending = await readPending(worker, deps);
  if (worker.generation === generation) worker.offer(worker.fresh, pending);
}

async function readPending(worker: EndpointWorker, deps: SupplyDeps): Promise<Call[]> {
  const { generation } = worker;
  const limit = deps.batch + worker.busyCount;
  worker.mayHavePending = false;
  const rows = await deps.store.fetchPending(worker.track.callback.id, limit);
  if (rows.length === limit || worker.generation !== generation) worker.mayHavePending = true;
  return worker.withoutBusy(rows);
}

/** The first calls with something due, whenever that is: `count` of them and one more, those under way left out. */
async function readWaiting(worker: EndpointWorker, count: number, deps: SupplyDeps): Promise<Call[]> {
  const limit = count + worker.busyCount + 1;
  return worker.withoutBusy(await deps.store.fetchDue(worker.track.callback.id, Number.POSITIVE_INFINITY, limit));
}

/** Takes the retry from the calls whose window was over at `now`. */
async function expireBefore(worker: EndpointWorker, now: number, deps: SupplyDeps): Promise<void> {
  const { id } = worker.track.callback;
  const firstFailedBefore = now - deps.policy.windowMs;
  while ((await deps.store.expireRetries(id, firstFailedBefore, EXPIRY_CHUNK)) === EXPIRY_CHUNK);
}

function expectNext(worker: EndpointWorker, call: Call | undefined): void {
  worker.mayHaveDue = call !== undefined;
  worker.dueAt = call?.due?.at ?? null;
}
