/** Compares what is on disk with the model when nothing is left to do at this instant. */
import type { Attempt } from "../../../src/domain/attempt.js";
import type { Call } from "../../../src/domain/call.js";
import type { Mail } from "../../../src/domain/outage.js";
import type { Store } from "../../../src/store/open-store.js";
import { recountFates, sumsOf } from "../store/outage-recount.js";
import { fetchDue, fetchPending } from "../store/waiting-calls.js";
import type { DispatchModel, ModelCall, ModelCallback } from "./dispatch-model.js";

/** The first of two failed requests may have ended last, so an outage may begin so much later. */
const LONGEST_REQUEST_MS = 60_000;
const ALL = { limit: 10_000, offset: 0 };

export interface CheckedAt {
  readonly now: number;
  /** Slots or memory are short, so what is due may wait for what is in flight. */
  readonly isCrowded: boolean;
  /** A thorough check compares the attempts too, which only become more. */
  readonly isThorough?: boolean;
}

export async function checkSettled(store: Store, model: DispatchModel, at: CheckedAt): Promise<string[]> {
  const { now, isCrowded, isThorough = false } = at;
  const broken = model.violations.splice(0);
  const mails = await store.mails.fetchQueued(Number.MAX_SAFE_INTEGER, 10_000);
  for (const callback of model.callbacks.values()) {
    if (callback.isDeleted) continue;
    const { id } = callback.settings;
    const stored = new Map<string, Call>();
    for (const call of (await store.calls.list(id, { ...ALL, filter: {}, sort: [] })).items) stored.set(call.id, call);
    for (const call of await fetchPending(store, id, ALL.limit)) stored.set(call.id, call);
    const attempts = isThorough ? await store.calls.listAttempts(id, [...stored.keys()]) : null;
    for (const call of callback.calls.values()) {
      const listed = attempts && (attempts.get(call.id) ?? []);
      broken.push(...differences(call, stored.get(call.id), listed, callback, { now, model }));
    }
    const isWaiting = isCrowded || model.isShort || model.isPausedAt(callback, now);
    if (!isWaiting) broken.push(...(await checkProgress(store, callback, now, model)));
    broken.push(...(await checkCounts(store, id, stored)), ...(await checkOutages(store, callback, mails, now, model)));
    broken.push(...(await checkOutageCounts(store, id, stored)));
    broken.push(...(await checkExpired(store, callback, stored, now, model)));
  }
  return broken;
}

export async function checkCounts(store: Store, callbackId: string, stored: ReadonlyMap<string, Call>): Promise<string[]> {
  const counts = await store.calls.count(callbackId);
  const rows = { PENDING: 0, SUCCESS: 0, FAILED: 0 };
  for (const { status } of stored.values()) rows[status] += 1;
  const failures = (await store.calls.listFailures(callbackId)).reduce((sum, { count }) => sum + count, 0);
  const isTrue = JSON.stringify(counts) === JSON.stringify(rows) && failures === rows.FAILED;
  return isTrue ? [] : [`I9 counts ${JSON.stringify({ counts, rows, failures })}`];
}

/** I14: what a replay or a switch may have changed is checked one way only. */
async function checkExpired(
  store: Store,
  { settings, calls, wasSwitched }: ModelCallback,
  stored: ReadonlyMap<string, Call>,
  now: number,
  { policy, isJumpy }: DispatchModel,
): Promise<string[]> {
  const [report] = await store.endpoints.listReports([settings.id]);
  const [least, most] = [new Set<string>(), new Set<string>()];
  for (const { id, status, due, settledBy, firstFailedAt } of stored.values()) {
    if (status !== "FAILED" || due?.cause === "retry" || firstFailedAt === null) continue;
    if (isJumpy || now >= firstFailedAt + policy.windowMs) most.add(id);
    const isReplayed = due !== null || settledBy !== null || calls.get(id)?.attempts.some(({ cause }) => cause === "replay");
    if (settings.retriesEnabled && !wasSwitched && !isReplayed) least.add(id);
  }
  const expired = report?.expiredCalls ?? 0;
  return expired >= least.size && expired <= most.size
    ? []
    : [`I14 ${expired} calls have expired, and ${least.size} to ${most.size} should have`];
}

/** Each call that first failed in an outage is counted once by why it failed, and once by what became of it. */
export async function checkOutageCounts(store: Store, callbackId: string, stored: ReadonlyMap<string, Call>): Promise<string[]> {
  const { items } = await store.outages.list({ ...ALL, callbackId });
  const broken: string[] = [];
  for (const { id, failedCalls } of items) {
    const counted = await store.outages.readCalls(id);
    const rows = recountFates(stored.values(), id);
    const areTrue = Object.entries(rows).every(([fate, count]) => counted[fate as keyof typeof rows] === count);
    if (!areTrue || sumsOf(counted).some((sum) => sum !== failedCalls)) {
      broken.push(`I9 outage ${id} of ${failedCalls} counts ${JSON.stringify(counted)}, and there are ${JSON.stringify(rows)}`);
    }
  }
  return broken;
}

/** Checks I1, I6 and rules 2 to 7. */
function differences(
  call: ModelCall,
  stored: Call | undefined,
  listed: readonly Attempt[] | null,
  { settings }: ModelCallback,
  { now, model }: { readonly now: number; readonly model: DispatchModel },
): string[] {
  if (stored === undefined) return [`I1 lost: ${call.id}`];
  const isOver = call.firstFailedAt !== null && now > call.firstFailedAt + model.policy.windowMs;
  if (isOver && call.owes === "retry" && stored.due === null) call.owes = null;
  const made = call.attempts.map(({ startedAt }) => startedAt);
  const due = stored.due?.cause ?? null;
  // It is withdrawn some time after it has ended.
  if (call.isCancelled && call.owes === "replay" && call.inFlight === null && due !== "replay")
    call.owes = due === "retry" ? "retry" : null;
  const wanted = [call.status, made.length + call.reports, call.firstFailedAt, call.owes === "first" ? null : call.owes];
  const found = [stored.status, stored.attemptCount, stored.firstFailedAt, due];
  const broken: string[] = [];
  if (JSON.stringify(wanted) !== JSON.stringify(found)) broken.push(`${call.id} is ${found} instead of ${wanted}`);
  const own = listed?.filter(({ sentFrom }) => sentFrom === undefined).map(({ startedAt }) => startedAt);
  if (own && JSON.stringify(made) !== JSON.stringify(own)) broken.push(`I6 ${call.id} lists ${own} instead of ${made}`);
  if (own && own.length + call.reports !== listed?.length) broken.push(`I6 ${call.id} doesn't list all ${call.reports} reports`);
  if (due === "retry" && !settings.retriesEnabled) broken.push(`${call.id} has a retry with retries off`);
  return broken;
}

/**
 * I4: one e-mail an outage, one open at most, none longer than a window, each opened by a failed attempt, every first failure in one of them;
 * none while the endpoint accepts what is sent.
 */
async function checkOutages(
  store: Store,
  { settings, calls, acceptsSince, endpoint }: ModelCallback,
  mails: readonly Mail[],
  now: number,
  { policy, isJumpy, frozenMs }: DispatchModel,
): Promise<string[]> {
  const { items } = await store.outages.list({ ...ALL, callbackId: settings.id });
  const owed = mails.filter(({ callbackId }) => callbackId === settings.id).map(({ outageId }) => outageId);
  const ids = items.map(({ id }) => id);
  const broken: string[] = [];
  if (owed.sort().join() !== ids.sort().join()) broken.push(`I4 ${owed.length} mails, ${ids.length} outages`);
  if (items.filter(({ endedAt }) => endedAt === null).length > 1) broken.push("I4 two outages open");
  if (isJumpy) return broken;
  for (const { startedAt, endedAt } of items) {
    if ((endedAt ?? now) > startedAt + policy.windowMs && !endpoint.wasPaused) broken.push("an outage longer than a window");
    if (acceptsSince !== null && startedAt > acceptsSince) broken.push("an outage while the endpoint accepts everything");
    const isFailure = (attempt: ModelCall["attempts"][number]) => attempt.startedAt === startedAt && !attempt.accepted;
    if (![...calls.values()].some(({ attempts }) => attempts.some(isFailure)))
      broken.push("an outage that no failed attempt opened");
  }
  for (const { firstFailedAt, id } of calls.values()) {
    if (firstFailedAt === null) continue;
    const inOne = items.some(
      ({ startedAt, endedAt }) =>
        startedAt <= firstFailedAt + LONGEST_REQUEST_MS + frozenMs && firstFailedAt <= (endedAt ?? firstFailedAt),
    );
    if (!inOne) broken.push(`a first failure outside any outage: ${id}`);
  }
  return broken;
}

/** What is due was taken up, and what waits for a time isn't put off for longer than a turn. */
async function checkProgress(store: Store, callback: ModelCallback, now: number, model: DispatchModel) {
  const { settings, calls, endpoint, repairedAt } = callback;
  const { policy, limits } = model;
  const hasSlot = endpoint.inFlight < limits.inFlightPerEndpoint;
  const [record] = await store.endpoints.list([settings.id]);
  const idle = [...calls.values()].filter(({ inFlight, owes }) => inFlight === null && owes !== null);
  const due = (await fetchDue(store, settings.id, Number.POSITIVE_INFINITY, 10_000)).filter(({ id }) => !calls.get(id)?.inFlight);
  const latest = now + policy.intervalMs * (policy.jitter ? 1.1 : 1) + 1;
  const comes = (at: number | null | undefined) => at != null && at > now && at <= latest;
  const broken: string[] = [];
  if (record === undefined) return ["its endpoint is gone"];
  const { state, roundAt, probeAt } = record.endpoint;
  if (state !== endpoint.state) broken.push(`the endpoint is ${state} instead of ${endpoint.state}`);
  const isProbed = state === "down" && settings.retriesEnabled && record.outage === null;
  const awaitsProbe = isProbed && comes(probeAt) && endpoint.mayAwaitProbeAt(now);
  if (endpoint.inFlight === 0 && !awaitsProbe && idle.some(({ owes }) => owes === "first")) {
    broken.push("a new response is left unsent");
  }
  if (!endpoint.mayGoDown && state === "up" && hasSlot && idle.some(({ owes }) => owes === "first"))
    broken.push("I12 a call waits");
  if (state === "recovering" && endpoint.inFlight === 0) broken.push("recovering, and nothing is in flight");
  if (state === "up" && hasSlot) {
    const comesAt = ({ id, due }: Call) => {
      const call = calls.get(id);
      return Math.max(due?.at ?? 0, call ? model.mayBeginAt(call, repairedAt) : 0);
    };
    for (const call of due) if (!comes(comesAt(call))) broken.push(`${call.id} is due at now ${(call.due?.at ?? 0) - now}`);
  }
  if (state === "down" && endpoint.inFlight === 0) {
    if (due.length > 0 && !comes(roundAt)) broken.push(`the round is due at now ${(roundAt ?? 0) - now}`);
    if (due.some(({ sentAt }) => sentAt === null) && settings.retriesEnabled && !comes(probeAt)) {
      broken.push(`the probe is due at now ${(probeAt ?? 0) - now}`);
    }
  }
  return broken;
}
