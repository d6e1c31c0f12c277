/** Reads from the store what an endpoint may send next; which calls those are depends on its state (dispatch.md, an endpoint). */
import type { Call } from "../domain/call.js";
import { FAILURES_TO_DOWN } from "../domain/endpoint.js";
import { latestScheduledRetry, type RetryPolicy } from "../domain/retry-policy.js";
import type { DispatchStore } from "../store/store.js";
import type { EndpointWorker } from "./endpoint-worker.js";

export interface SupplyDeps {
  readonly store: DispatchStore;
  readonly policy: RetryPolicy;
  /** Calls read at once. */
  readonly batch: number;
}

const EXPIRY_CHUNK = 5_000;

/** Whether a reading would bring something now. */
export function needsSupply(worker: EndpointWorker, now: number, policy: RetryPolicy): boolean {
  const { isDirty, mayHavePending, mayHaveDue } = worker.hints;
  if (isDirty) return true;
  if (mayHavePending && worker.waiting.fresh.length < worker.lowWater) return true;
  if (worker.waiting.backlog.length >= worker.lowWater) return false;
  if (worker.track.endpoint.state === "recovering") return mayHaveDue || isDrained(worker);
  const at = nextSupplyAt(worker);
  return at !== null && (at <= now || at > latestScheduledRetry(now, policy));
}

/** When the endpoint's clock, or the first of its calls' own, makes a reading due; null: nothing waits for a time. */
export function nextSupplyAt(worker: EndpointWorker): number | null {
  const { hints, track } = worker;
  // What waits in memory goes first, and for a slot; when it is sent, more is read.
  if (worker.waiting.backlog.length >= worker.lowWater) return null;
  switch (track.endpoint.state) {
    case "up":
      return hints.dueAt;
    case "recovering":
      return null;
    case "down":
      return earlier(nextRoundAt(worker), hints.mayHaveHeld ? nextProbeAt(worker) : null);
  }
}

export function earlier(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** Reads anew what may be sent, and offers it. What changes while it is read leaves the worker dirty: it is read again. */
export async function supply(worker: EndpointWorker, now: number, deps: SupplyDeps): Promise<void> {
  const { hints, track } = worker;
  const { generation } = hints;
  const reading: Reading = { ...deps, worker, now, isCurrent: () => hints.generation === generation };
  hints.isDirty = false;
  try {
    switch (track.endpoint.state) {
      case "up":
        return await supplyUp(reading);
      case "recovering":
        return await supplyRecovering(reading);
      case "down":
        return await supplyDown(reading);
    }
  } catch (error) {
    // What was read by then may be lost on the way: all of it is read again.
    worker.discardReading();
    throw error;
  }
}

interface Reading extends SupplyDeps {
  readonly worker: EndpointWorker;
  readonly now: number;
  /** False once settings, calls or the endpoint's state changed under it: from then on nothing of it may be used. */
  isCurrent(): boolean;
}

/** Up: new responses as they come, failed calls when their own turn comes. */
async function supplyUp(reading: Reading): Promise<void> {
  await readFresh(reading);
  const { worker, now, policy, store, batch } = reading;
  const { hints, track } = worker;
  const latest = latestScheduledRetry(now, policy);
  if (hints.dueAt === null || (hints.dueAt > now && hints.dueAt <= latest)) return;
  await expireBefore(now, reading);
  await store.bringForward(track.callback.id, latest);
  const limit = batch + worker.underWay.size;
  const rows = await store.fetchDue(track.callback.id, now, limit);
  const waiting = rows.length < limit ? await readWaiting(rows.length, reading) : rows;
  if (!reading.isCurrent()) return;
  worker.offerBacklog(worker.withoutBusy(rows));
  const first = rows.length < limit ? waiting.find((call) => (call.due?.at ?? 0) > now) : waiting[0];
  hints.expectFirst(first?.due?.at ?? null);
}

/** Recovering: everything that was inside its window when the recovery began; when none of it is left untried, up. */
async function supplyRecovering(reading: Reading): Promise<void> {
  await readFresh(reading);
  const { worker, now, store, batch } = reading;
  const { hints, track } = worker;
  const { recovery, recoveringSince } = track.endpoint;
  await expireBefore(recoveringSince ?? 0, reading);
  const limit = batch + worker.underWay.size;
  const rows = await store.fetchBacklog(track.callback.id, recovery, limit);
  const isMore = rows.length === limit;
  const [waiting] = isMore ? rows : await readWaiting(0, reading);
  if (!reading.isCurrent()) return;
  worker.offerBacklog(worker.withoutBusy(rows));
  hints.mayHaveDue = isMore;
  if (isMore || !isDrained(worker)) return;
  track.drained(now);
  // Up again, it is read once in any case: own turns didn't count until now, and the clock may have been set meanwhile.
  hints.expectFirst(waiting === undefined ? null : 0);
}

/** Of what was read nothing waits to be tried. New responses don't count once they may go as fast as they ever do. */
function isDrained(worker: EndpointWorker): boolean {
  return worker.waiting.backlog.length === 0 && (worker.waiting.fresh.length === 0 || worker.hasFullLimit);
}

/** Down: new responses are held (or sent, where no retry would take care of them), a probe or a tick goes when its time has come. */
async function supplyDown(reading: Reading): Promise<void> {
  const { worker, now } = reading;
  const { hints, track } = worker;
  if (track.callback.retriesEnabled) await holdAndProbe(reading);
  else await readFresh(reading);
  const roundAt = nextRoundAt(worker);
  if (roundAt === null || roundAt > now) return;
  await expireBefore(now, reading);
  const calls = await readWaiting(FAILURES_TO_DOWN, reading);
  if (!reading.isCurrent()) return;
  hints.mayHaveDue = calls.length > 0;
  if (worker.owedToRound > 0) {
    const began = track.endpoint.roundBeganAt ?? 0;
    const untried = calls.filter(({ attemptedAt }) => attemptedAt === null || attemptedAt < began);
    worker.offerRound(untried.slice(0, Math.min(worker.owedToRound, worker.room)));
    return;
  }
  track.beginRound(now);
  worker.offerRound(calls.slice(0, worker.room));
}

/** When a tick begins, or goes on with what it couldn't send at once. */
function nextRoundAt(worker: EndpointWorker): number | null {
  const { hints, track, isInRound, owedToRound } = worker;
  if (!hints.mayHaveDue) return null;
  if (owedToRound > 0) return 0;
  return isInRound ? null : track.endpoint.roundAt;
}

function nextProbeAt({ track, mayProbe }: EndpointWorker): number | null {
  return mayProbe && track.callback.retriesEnabled ? track.endpoint.probeAt : null;
}

async function holdAndProbe(reading: Reading): Promise<void> {
  const { worker, now, store } = reading;
  const { hints, track } = worker;
  const probeAt = nextProbeAt(worker);
  const isProbeDue = probeAt !== null && probeAt <= now;
  if (isProbeDue) await expireBefore(now, reading);
  const held = isProbeDue && hints.mayHaveHeld ? await store.fetchHeld(track.callback.id) : null;
  const pending = hints.mayHavePending ? await readPending(reading) : [];
  if (!reading.isCurrent()) return;
  if (isProbeDue) {
    const [free] = held ? worker.withoutBusy([held]) : [];
    hints.mayHaveHeld = free !== undefined;
    const probe = free ?? pending.shift();
    if (probe) worker.offerProbe(probe);
  }
  for (const call of pending) worker.hold(call, now);
}

async function readFresh(reading: Reading): Promise<void> {
  const { worker } = reading;
  if (!worker.hints.mayHavePending) return;
  const pending = await readPending(reading);
  if (reading.isCurrent()) worker.offerFresh(pending);
}

async function readPending({ worker, store, batch }: Reading): Promise<Call[]> {
  const limit = batch + worker.underWay.size;
  // Before the reading, so that what is accepted under it is heard.
  worker.hints.mayHavePending = false;
  const rows = await store.fetchPending(worker.track.callback.id, limit);
  if (rows.length === limit) worker.hints.mayHavePending = true;
  return worker.withoutBusy(rows);
}

/** The first calls with something due, whenever that is: `count` of them and one more; those under way, and a probe, left out. */
async function readWaiting(count: number, { worker, store }: Reading): Promise<Call[]> {
  const limit = count + worker.underWay.size + 2;
  return worker.withoutBusy(await store.fetchDue(worker.track.callback.id, Number.POSITIVE_INFINITY, limit));
}

/** Takes the retry from the calls whose window was over at `at`. */
async function expireBefore(at: number, { worker, store, policy }: Reading): Promise<void> {
  const { id } = worker.track.callback;
  const firstFailedBefore = at - policy.windowMs;
  while ((await store.expireRetries(id, firstFailedBefore, EXPIRY_CHUNK)) === EXPIRY_CHUNK);
}
