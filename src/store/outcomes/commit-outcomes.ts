/** Outcomes are committed in one transaction (docs/dispatcher.md, A call, rule 5). */
import type { Attempt } from "../../domain/attempt.js";
import { holdCall, outcomeOf, recordAttempt } from "../../domain/call.js";
import { type NewMail, outageWithoutHoldings } from "../../domain/outage.js";
import type { RetryPolicy } from "../../domain/retry-policy.js";
import { findRecorded, type RecordedAttempt, saveAttempts } from "../calls/attempts.js";
import { failureOf, NO_ANSWER } from "../calls/call-counts.js";
import { type CallState, readStatesBySeq, writeStates } from "../calls/call-state.js";
import { type Fences, type LiveCallbacks, lockLiveCallbacks, withoutStale } from "../nodes/fences.js";
import type { Db } from "../schema.js";
import { transact } from "../sql/transactions.js";
import { ActivityChanges, minuteOf, type Sample, saveSamples } from "./activity.js";
import { type ClockBounds, clampTimes } from "./clamp-times.js";
import { type EndpointChange, saveEndpoints } from "./endpoints.js";
import { expireCalls, expiredOf } from "./expired-calls.js";
import { saveMails } from "./mails.js";
import { type QueuedNotices, saveNotices } from "./notices.js";
import { type ClosedOutage, closeOutages, saveOpenOutages } from "./outages.js";

export interface OutcomeGroup {
  readonly attempts: readonly AttemptOutcome[];
  readonly holdings: readonly Holding[];
  /** The endpoints are as they are after all of these. */
  readonly endpoints: readonly EndpointChange[];
  /** `closedOutages` are complete, as one may have opened and closed within the group, and are written first. */
  readonly closedOutages: readonly ClosedOutage[];
  /** There is one per opened outage. A second one is skipped. */
  readonly mails: readonly NewMail[];
  /** Without it, outages are reported by e-mail only. */
  readonly notices?: QueuedNotices;
  readonly fences: Fences;
  readonly policy: RetryPolicy;
  /** A try has failed, perhaps after its commit, as the answer may have been lost. */
  readonly isRepeated: boolean;
}

export interface AttemptOutcome {
  readonly callbackId: string;
  readonly callId: string;
  readonly callSeq: number;
  readonly attempt: Attempt;
  /** The jitter comes from this number in [0,1). */
  readonly random: number;
  /** `recovery` is 0 if the attempt belongs to no recovery. */
  readonly recovery: number;
  /** The outage counts the call by this attempt. */
  readonly outageId?: string | null;
}

export interface Holding {
  readonly callbackId: string;
  readonly callId: string;
  readonly callSeq: number;
  readonly at: number;
  /** The outage counts the call. */
  readonly outageId?: string | null;
}

export interface CommittedOutcomes {
  /** So many calls of a callback weren't held: its retries were switched off meanwhile, or the call was marked. */
  readonly skippedHoldings: ReadonlyMap<string, number>;
  /** Another dispatcher has taken these callbacks, so nothing of theirs was written. */
  readonly staleCallbacks: ReadonlySet<string>;
  /** So many of their attempts have been recorded by no earlier try either. */
  readonly lostAttempts: number;
}

export function outcomeStore(db: Db) {
  return {
    /**
     * Commits a group in one transaction. Skips calls that no longer exist, and all of a callback whose fence is stale. A
     * repeated group may have been committed before: nothing is recorded twice, and the result is the same.
     */
    commit: (group: OutcomeGroup): Promise<CommittedOutcomes> => transact(db, (trx) => commitOutcomes(trx, group)),

    /**
     * Makes future times `now`, and later due times `latestDueAt`: the clock or the interval has changed. Each call is one transaction, and
     * must be repeated while it resolves to null.
     */
    clampTimes: (bounds: ClockBounds): Promise<readonly string[] | null> => transact(db, (trx) => clampTimes(trx, bounds)),
  };
}

async function commitOutcomes(trx: Db, group: OutcomeGroup): Promise<CommittedOutcomes> {
  const live = await lockLiveCallbacks(trx, callbackIdsOf(group));
  const callbacks = withoutStale(live, group.fences);
  const states = await readStatesBySeq(trx, seqsOf(group));
  const known = group.isRepeated ? await findRecorded(trx, group.attempts) : new Set<Attempt>();
  const attempts = group.attempts.filter(({ attempt }) => !known.has(attempt));
  const skippedHoldings = applyHoldings(states, group, callbacks);
  const activity = new ActivityChanges();
  const recorded = applyAttempts(states, { ...group, attempts }, callbacks, activity);
  const endpoints = group.endpoints.map((change) => {
    const outage = outageWithoutHoldings(change.outage, skippedHoldings.get(change.callbackId) ?? 0);
    return { ...change, outage };
  });
  // A callback has at most one open outage, so closed ones are written first. Calls are counted in outages that exist.
  const ended = await closeOutages(trx, group.closedOutages, callbacks);
  await saveOpenOutages(trx, endpoints, callbacks);
  await writeStates(trx, states.values());
  const retried = new Set([...callbacks.values()].flatMap(({ key, retriesEnabled }) => (retriesEnabled ? key : [])));
  await expireCalls(
    trx,
    expiredOf(states.values(), (key) => retried.has(key), group.policy),
  );
  await saveAttempts(trx, recorded);
  await activity.save(trx);
  await saveEndpoints(trx, endpoints, callbacks);
  const queued = await saveMails(trx, group.mails, callbacks);
  if (group.notices) {
    // A repeated group's notices may be on their way already, so only new ones are queued.
    const began = group.mails.filter(({ outageId }) => queued.has(outageId));
    const closedOutages = group.closedOutages.filter(({ id }) => ended.has(id));
    await saveNotices(trx, { mails: began, closedOutages }, callbacks, group.notices);
  }
  await saveSamples(trx, samplesOf(group.mails, group.closedOutages, callbacks));
  const staleCallbacks = new Set([...live.keys()].filter((id) => !callbacks.has(id)));
  const lostAttempts = attempts.filter(({ callbackId }) => staleCallbacks.has(callbackId)).length;
  return { skippedHoldings, staleCallbacks, lostAttempts };
}

function callbackIdsOf({ attempts, holdings, endpoints, closedOutages, mails }: OutcomeGroup): string[] {
  const ids = new Set<string>();
  for (const part of [attempts, holdings, endpoints, closedOutages, mails])
    for (const { callbackId } of part) ids.add(callbackId);
  return [...ids];
}

function seqsOf({ attempts, holdings }: OutcomeGroup): number[] {
  const seqs = new Set<number>();
  for (const { callSeq } of holdings) seqs.add(callSeq);
  for (const { callSeq } of attempts) seqs.add(callSeq);
  return [...seqs];
}

/** Returns null if the call or its callback was deleted: its seq may have been given to another one. */
function findCall(
  { callbackId, callId, callSeq }: AttemptOutcome | Holding,
  states: ReadonlyMap<number, CallState>,
  callbacks: LiveCallbacks,
) {
  const callback = callbacks.get(callbackId);
  const state = states.get(callSeq);
  return callback !== undefined && state?.id === callId && state.callbackKey === callback.key ? { callback, state } : null;
}

/** Returns how many calls of each callback weren't held. With retries off, a call stays PENDING. */
function applyHoldings(
  states: ReadonlyMap<number, CallState>,
  group: OutcomeGroup,
  callbacks: LiveCallbacks,
): Map<string, number> {
  const skipped = new Map<string, number>();
  for (const holding of group.holdings) {
    const { callbackId, at } = holding;
    const found = findCall(holding, states, callbacks);
    if (found === null) continue;
    const { callback, state } = found;
    const before = state.after;
    // An earlier try of this group has held it.
    if (before.firstFailedAt === at) continue;
    if (callback.retriesEnabled) state.after = holdCall(before, at, group.policy);
    if (state.after !== before) countIn(state, holding.outageId, NO_ANSWER);
    else skipped.set(callbackId, (skipped.get(callbackId) ?? 0) + 1);
  }
  return skipped;
}

function applyAttempts(
  states: ReadonlyMap<number, CallState>,
  group: OutcomeGroup,
  callbacks: LiveCallbacks,
  activity: ActivityChanges,
): RecordedAttempt[] {
  const { policy } = group;
  const recorded: RecordedAttempt[] = [];
  for (const outcome of group.attempts) {
    const { callSeq, attempt, random, recovery } = outcome;
    const found = findCall(outcome, states, callbacks);
    if (found === null) continue;
    const { callback, state } = found;
    state.after = recordAttempt(state.after, attempt, { retriesEnabled: callback.retriesEnabled, policy, random }, recovery);
    countIn(state, outcome.outageId, failureOf(outcomeOf(attempt.result)));
    // A stale sender's attempt gets a new number, so that none is lost.
    recorded.push({ callSeq, number: state.after.attemptCount, attempt });
    activity.add(callback.key, attempt);
  }
  return recorded;
}

/** A call that was marked while it was in flight is counted too. */
function countIn(state: CallState, outageId: string | null | undefined, failure: string): void {
  if (!outageId) return;
  state.after = { ...state.after, outageId };
  state.entry = { outageId, failure };
}

/** Samples are taken as an outage opens, when its mail is queued, and as it closes. */
function samplesOf(opened: OutcomeGroup["mails"], closed: OutcomeGroup["closedOutages"], callbacks: LiveCallbacks): Sample[] {
  const instants = [
    ...opened.map(({ callbackId, createdAt: at }) => ({ callbackId, at })),
    ...closed.map(({ callbackId, endedAt: at }) => ({ callbackId, at })),
  ];
  return instants.flatMap(({ callbackId, at }): Sample[] => {
    const callback = callbacks.get(callbackId);
    return callback === undefined ? [] : [{ callback_key: callback.key, minute: minuteOf(at) }];
  });
}
