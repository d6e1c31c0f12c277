import type { MarkDetails } from "../../client/call-requests.js";
import type { CallState } from "../../client/client.js";
import type { ReplayAttempt } from "../../client/run-requests.js";
import { idFinder } from "../../domain/call.js";
import { spellDuration } from "../../domain/duration.js";
import { advise, isWhcbError, WhcbError } from "../../domain/errors.js";
import { chunkIds, MAX_IDS_PER_REQUEST } from "../../wire/bulk-ids.js";
import { toIsoDate } from "../../wire/dates.js";
import { hasArrived, isSentElsewhere, type RunCallState } from "../journal/run-counts.js";
import type { RunHeader, SkipReason, StopReason } from "../journal/run-step.js";
import { type RunDeps, resumeLine, runnerOf } from "../run-deps.js";
import { asWhcbError, type RunSession } from "../run-session.js";
import { findStates } from "../settled-calls.js";
import { applyToChunk, type RejectedCall } from "./apply-to-chunk.js";
import { isOtherResponse } from "./fresh-calls.js";

/** The client waits out shorter ones itself. */
const SHORTEST_PAUSE_MS = 60_000;
/** One request waits so long in all. */
const LONGEST_PAUSE_MS = 2 * 60 * 60_000;
/** Marks wait for so many, at most this long, so that the journal is flushed once for all. */
const MARKED_TOGETHER = 5 * MAX_IDS_PER_REQUEST;
const LONGEST_WAIT_MS = 1_000;

export interface MarkJob {
  readonly callbackId: string;
  readonly status: "SUCCESS" | "FAILED";
  readonly from: RunCallState;
  /** An earlier request of the run may have marked these calls. What is SUCCESS of them counts as marked by it. */
  readonly mayBeMarked?: ReadonlySet<string>;
  /** Until this instant that request may be executed, or its marks not be listed. */
  readonly mayBeMarkedUntil?: number;
  /** What a user has made FAILED after a call's instant of the service's clock stays so, if the service guards marks. null guards nothing. */
  readonly unlessFailedSince?: (callId: string) => number | null;
  /** When each call had last changed as it was listed, by id. One that has changed since stays as it is, if the service guards marks. */
  readonly listedChanges?: ReadonlyMap<string, number>;
  /** The calls become FAILED although a delivery made them SUCCESS. By default what was delivered is left, if the service says so. */
  readonly wereDelivered?: boolean;
  /** `findStopReason` is asked once before each group of marks. A reason stops the callback, and nothing more is marked. */
  readonly findStopReason?: () => Promise<StopReason | null>;
}

const ARRIVALS = { accepted: "the endpoint accepted it", seen: "your system has it" };

interface Kept {
  readonly left: Map<string, SkipReason>;
  readonly twice: Set<string>;
  /** The service's clock before the request, or null if it isn't known. */
  readonly markedAt: number | null;
}

export class Marker {
  readonly #job: MarkJob;
  readonly #session: RunSession;
  readonly #waiting: string[] = [];
  readonly #replays = new Map<string, ReplayAttempt>();
  #isEnding = false;
  #hasFailed = false;
  /** An earlier try of the request may have been executed. */
  #isRepeated = false;
  #wake: () => void = () => {};
  #onPause: () => void = () => {};
  readonly #paused = new Promise<void>((resolve) => (this.#onPause = resolve));
  readonly #work: Promise<void>;

  constructor(job: MarkJob, session: RunSession) {
    this.#job = job;
    this.#session = session;
    this.#work = this.#run();
    // finish() rejects instead.
    this.#work.catch(() => undefined);
  }

  /** `replay` is recorded with the mark. */
  add(callId: string, replay?: ReplayAttempt): void {
    this.#waiting.push(callId);
    if (replay !== undefined) this.#replays.set(callId, replay);
    if (this.#waiting.length === 1 || this.#waiting.length === MARKED_TOGETHER) this.#wake();
  }

  /** Resolves as `finish` does, or as soon as the service asks for a pause: other callbacks needn't wait for its end. */
  async finishOrPause(): Promise<void> {
    await Promise.race([this.finish(), this.#paused]);
  }

  /** Resolves when all are marked, or the service has failed (the session is then stopped). */
  async finish(): Promise<void> {
    this.#isEnding = true;
    this.#wake();
    await this.#work;
  }

  async #run(): Promise<void> {
    while (!this.#hasFailed) {
      if (this.#waiting.length === 0) {
        if (this.#isEnding) return;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      if (this.#waiting.length < MARKED_TOGETHER && !this.#isEnding) await this.#waitForMore();
      // The rest waits for a full chunk.
      const { length } = this.#waiting;
      const partial = this.#isEnding || length < MAX_IDS_PER_REQUEST ? 0 : length % MAX_IDS_PER_REQUEST;
      await this.#markAll(this.#waiting.splice(0, length - partial));
    }
  }

  async #waitForMore(): Promise<void> {
    const { clock } = this.#session.deps;
    const enough = new AbortController();
    this.#wake = () => enough.abort();
    await clock.sleepUntil(clock.now() + LONGEST_WAIT_MS, enough.signal);
    this.#wake = () => {};
  }

  async #markAll(callIds: readonly string[]): Promise<void> {
    // What is marked is on disk before. If the journal fails, what was accepted is marked all the same.
    await this.#session.journal.flush().catch(() => undefined);
    const { callbackId, findStopReason = async () => null } = this.#job;
    try {
      const reason = await this.#waitOutPauses(findStopReason);
      if (reason !== null) {
        this.#hasFailed = true;
        return this.#session.stopOf(callbackId).stop(reason);
      }
      for (const ids of this.#byInstant(callIds)) {
        for await (const chunk of chunkIds(ids)) {
          await this.#markChunk(chunk);
          for (const id of chunk) this.#replays.delete(id);
        }
      }
    } catch (error) {
      this.#hasFailed = true;
      const { stop, journal } = this.#session;
      // The run then remembers what a request that wasn't answered may have marked.
      if (isWhcbError(error, "not-found") && !this.#isRepeated) {
        this.#session.stopOf(callbackId).stop("gone");
        this.#recordMarking([]);
      } else if (!isWhcbError(error, "interrupted"))
        stop.stop(error === journal.failure ? "journal" : "service", asWhcbError(error));
    }
  }

  /** The line is on disk before the request, as these calls aren't known to have arrived. */
  #recordMarking(calls: readonly string[]): void {
    const { journal, deps } = this.#session;
    if (this.#job.from !== "accepted") journal.collect({ step: "marking", at: deps.clock.now(), calls });
  }

  /** A request has one instant since which users' changes count. The calls stay in order. */
  #byInstant(callIds: readonly string[]): readonly (readonly string[])[] {
    const parts: string[][] = [];
    let previous: number | null = null;
    for (const id of callIds) {
      const instant = this.#job.unlessFailedSince?.(id) ?? null;
      const part = parts.at(-1);
      if (part !== undefined && instant === previous) part.push(id);
      else parts.push([id]);
      previous = instant;
    }
    return parts;
  }

  async #markChunk(chunk: readonly string[]): Promise<void> {
    const { deps } = this.#session;
    const { callbackId, status, from } = this.#job;
    this.#isRepeated = false;
    this.#recordMarking(chunk);
    const left = new Map<string, SkipReason>();
    const twice = new Set<string>();
    const findId = idFinder(chunk);
    // A request that is repeated after a pause is still the same mark.
    const markedAt = deps.client.serviceNow();
    const mayRepeat = (mayBeExecuted: boolean): boolean => {
      this.#isRepeated ||= mayBeExecuted;
      return this.#mayMark();
    };
    const mark = async (callIds: readonly string[]): Promise<void> => {
      const details = { ...this.#details(callIds), markedAt, isWanted: mayRepeat };
      const kept = (await deps.client.markCalls(callbackId, callIds, status, details)).flatMap((id) => findId(id) ?? []);
      this.#sortKept(kept, await findStates(callbackId, kept, deps.client), { left, twice, markedAt });
    };
    const outcomes = applyToChunk(
      chunk,
      (callIds) => this.#waitOutPauses(() => mark(callIds)),
      () => this.#waitOutPauses(() => deps.client.getCallback(callbackId)),
    );
    for await (const outcome of outcomes) {
      const at = deps.clock.now();
      const states = outcome.kind === "rejected" ? await this.#findMarked(outcome) : null;
      if (outcome.kind === "rejected" && states === null) {
        const { callId: call, reason } = outcome;
        const message = hasArrived(from) ? `${ARRIVALS[from]}, but it can't be marked: ${reason}` : reason;
        const step = hasArrived(from) && !outcome.isGone ? "mark-rejected" : "not-found";
        this.#session.record(callbackId, { step, call, at, message }, from);
        continue;
      }
      const callIds = outcome.kind === "done" ? outcome.callIds : [outcome.callId];
      if (states !== null) this.#sortKept(callIds, states, { left, twice, markedAt: null });
      const calls = callIds.filter((id) => !left.has(id) && !twice.has(id));
      // When a mark as FAILED was made, only the service knows, but it was no later than this.
      const serviceAt = status === "SUCCESS" ? markedAt : deps.client.latestServiceNow();
      const details = { as: status, at, ...(serviceAt !== null && { serviceAt }) };
      if (calls.length > 0) this.#session.record(callbackId, { step: "marked", calls, ...details }, from);
      const again = callIds.filter((id) => twice.has(id));
      if (again.length > 0) this.#session.record(callbackId, { step: "marked", calls: again, ...details, twice: true }, from);
      for (const call of callIds) {
        const reason = left.get(call);
        if (reason !== undefined) this.#session.record(callbackId, { step: "skipped", call, at, reason }, from);
      }
    }
  }

  /**
   * Returns the state of a call that an earlier request may have marked, though its repeat was rejected, or null. Throws `unavailable` if that
   * may still be done, or a list doesn't have it yet: the run then remembers what it may have marked.
   */
  async #findMarked({ callId, reason }: RejectedCall): Promise<ReadonlyMap<string, CallState> | null> {
    const { callbackId, status, mayBeMarked, mayBeMarkedUntil = 0 } = this.#job;
    const { client, clock } = this.#session.deps;
    if (status === "FAILED" || !(this.#isRepeated || mayBeMarked?.has(callId))) return null;
    const states = await findStates(callbackId, [callId], client);
    if (states.get(callId)?.status === "SUCCESS") return states;
    if (!this.#isRepeated && clock.now() >= mayBeMarkedUntil) return null;
    throw new WhcbError(
      "unavailable",
      `an earlier try to mark call ${callId} may have been executed, and another one wasn't: ${reason}`,
    );
  }

  /**
   * What an earlier request of the run has made SUCCESS, or may have, is its own. Anything else that was accepted, and is SUCCESS, was delivered
   * or marked by others, also by another replay. A user's mark counts as a replay's since this request.
   */
  #sortKept(ids: readonly string[], states: ReadonlyMap<string, CallState>, { left, twice, markedAt }: Kept): void {
    const { from, status: wanted, mayBeMarked } = this.#job;
    for (const id of ids) {
      const state = states.get(id);
      // A service whose clock is known tells a repeated request itself.
      const isOther = isOtherResponse(this.#replays.get(id)?.submittedAt, state?.submittedAt);
      const mayBeOwn = !isOther && ((this.#isRepeated && markedAt === null) || mayBeMarked?.has(id) === true);
      if (state?.status === "SUCCESS" && from === "accepted" && !isOther) {
        const isEarlier = markedAt === null || state.changedAt === undefined || state.changedAt < markedAt;
        const isOwn = mayBeOwn && isEarlier && state.settledBy === "replay";
        if (!isOwn && !isSentElsewhere(this.#session.header)) twice.add(id);
        continue;
      }
      const isOwn = state?.status === "SUCCESS" && wanted === "SUCCESS" && mayBeOwn;
      const isReopened = state !== undefined && state.status !== "SUCCESS" && wanted === "SUCCESS";
      if (!isOwn) left.set(id, isReopened ? "reopened" : "settled");
    }
  }

  #details(callIds: readonly string[]): MarkDetails {
    const { from, status, unlessFailedSince, listedChanges, wereDelivered = false } = this.#job;
    const [since] = callIds.flatMap((id) => unlessFailedSince?.(id) ?? []);
    const unlessFailed = since !== undefined && { unlessFailedSince: since };
    if (from !== "accepted") {
      return {
        // An undo must not take back what this run didn't change.
        unlessSettled: status === "SUCCESS",
        unlessChanged: callIds.flatMap((id) => {
          const changedAt = listedChanges?.get(id);
          return changedAt === undefined ? [] : [{ id, changedDate: toIsoDate(changedAt) }];
        }),
        ...unlessFailed,
        ...(status === "FAILED" && !wereDelivered && { unlessDeliveredSince: 0 }),
      };
    }
    const attempts = callIds.flatMap((id) => this.#replays.get(id) ?? []);
    const unlessChanged = attempts.flatMap(({ callId: id, submittedAt }) => {
      return submittedAt === undefined ? [] : [{ id, submittedDate: toIsoDate(submittedAt) }];
    });
    const guards = { unlessSettled: true, unlessChanged, ...unlessFailed };
    // It is the user who says that another endpoint's answer counts.
    if (isSentElsewhere(this.#session.header)) return guards;
    return {
      by: "replay",
      ...guards,
      ...(attempts.length > 0 && { replays: { sentFrom: runnerOf(this.#session.deps), attempts } }),
    };
  }

  /**
   * What an endpoint accepted is marked in any case, as it would be sent twice; every other mark needs a run that goes on. What becomes FAILED, or
   * is seen, needs the lock, as another run may be delivering it, or may have a newer list.
   */
  #mayMark(): boolean {
    const { stop, header, locks } = this.#session;
    const { callbackId, from, status } = this.#job;
    if (from === "accepted") return true;
    const needsLock = status === "FAILED" || from === "seen";
    if (needsLock && locks?.maySend(callbackId) === false) stop.stop("lock-lost", lostLock(callbackId, header));
    return stop.reason === null;
  }

  /** Waits for the pauses that the service asks for. Ctrl-C ends the wait. But for what was accepted, the marks before are on disk. */
  async #waitOutPauses<Result>(request: () => Promise<Result>): Promise<Result> {
    const { stop, deps, header, journal } = this.#session;
    const startedAt = deps.clock.now();
    // A request that the service has failed to answer may have been executed.
    let failure: WhcbError | null = null;
    for (;;) {
      if (this.#job.from !== "accepted") await journal.flush();
      if (!this.#mayMark()) throw failure ?? new WhcbError("interrupted", "interrupted");
      try {
        return await request();
      } catch (error) {
        if (!isWhcbError(error) || (error.retryAfterMs ?? 0) < SHORTEST_PAUSE_MS || stop.reason !== null) throw error;
        failure = error;
        const until = deps.clock.now() + (error.retryAfterMs ?? 0);
        if (until > startedAt + LONGEST_PAUSE_MS) throw tooLongPause(error, header.runId, deps);
        const retryAfterMs = until - deps.clock.now();
        const wait = this.#session.beginWait({ for: "pause", from: "service", until, status: null, retryAfterMs });
        this.#onPause();
        await deps.clock.sleepUntil(until, stop.signal);
        wait.end();
        this.#isRepeated ||= error.code !== "rate-limited";
        if (stop.reason !== null) throw error;
      }
    }
  }
}

function lostLock(callbackId: string, { callbacks }: RunHeader): WhcbError {
  const name = callbacks.find(({ id }) => id === callbackId)?.name || callbackId;
  return new WhcbError("unavailable", `another run may have worked on the calls of ${name} meanwhile, so the rest wasn't marked`);
}

function tooLongPause(cause: WhcbError, runId: string, deps: RunDeps): WhcbError {
  const resume = { command: resumeLine(runId, deps), when: "to mark it later" };
  const longest = `A run waits for at most ${spellDuration(LONGEST_PAUSE_MS)}.`;
  const advice = advise`${longest} What was accepted is in its journal: ${resume} marks it later.`;
  return new WhcbError(cause.code, cause.message, { cause, ...advice });
}

/** `replays` are recorded with the marks of their calls. */
export async function markAll(
  job: MarkJob,
  callIds: Iterable<string>,
  session: RunSession,
  replays: ReadonlyMap<string, ReplayAttempt> = new Map(),
): Promise<void> {
  const marker = new Marker(job, session);
  for (const id of callIds) marker.add(id, replays.get(id));
  await marker.finish();
}
