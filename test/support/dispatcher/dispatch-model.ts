/**
 * What must hold of a dispatcher, from what the wire saw and what users did: a small reference model, kept apart from the
 * product's code. Numbers like I3 are those of the rules' list of invariants.
 */
import type { DispatchLimits } from "../../../src/dispatcher/dispatcher-deps.js";
import type { Attempt } from "../../../src/domain/attempt.js";
import type { Call } from "../../../src/domain/call.js";
import type { Callback } from "../../../src/domain/callback.js";
import type { RetryPolicy } from "../../../src/domain/retry-policy.js";
import type { ClockBounds } from "../../../src/store/outcomes/clamp-times.js";
import type { OutcomeGroup } from "../../../src/store/outcomes/commit-outcomes.js";
import { FAILURES_TO_DOWN, ModelEndpoint } from "./model-endpoint.js";
import type { Sent, Watcher } from "./simulation.js";

export interface ModelCall {
  readonly id: string;
  status: "PENDING" | "SUCCESS" | "FAILED";
  /** Why it should be sent (again), if it should. */
  owes: "first" | "retry" | "replay" | null;
  attempts: { readonly startedAt: number; readonly accepted: boolean; readonly cause: Attempt["cause"] }[];
  /** Attempts that a client reported: listed, and nothing else. */
  reports: number;
  firstFailedAt: number | null;
  /** When its last attempt began, by a clock that may have been set since. */
  pacedFrom: number | null;
  /** It last began to fail at this instant, in an attempt or by being held. */
  lastFailedAt: number | null;
  /** Retries were switched on, so it is due before its scheduled retry. */
  isDueNow: boolean;
  isHeld: boolean;
  /** A user marked it FAILED: it takes no part in rule 7 until it is replayed. */
  isMarkedFailed: boolean;
  /** When a user last marked it. */
  markedAt: number;
  inFlight: Sent | null;
  /** Its replay was cancelled after it was begun. */
  isCancelled: boolean;
  /** The endpoint's recovery in which it was last sent. */
  triedIn: number;
  /** How it was last sent: in which time down (0: in none) with retries on, and whether for the first time. */
  sentDown: number;
  wasFirst: boolean;
  /** Its last outcome isn't committed yet. */
  isUncommitted: boolean;
  /** It had been taken when the endpoint went down for this time, though its body was still being read. */
  takenBeforeDown: number;
  /** Its body was read for its request, during which users may have changed what is sent. */
  isReadApart: boolean;
}

export interface ModelCallback {
  settings: Callback;
  isDeleted: boolean;
  /** Retries have been switched on or off. */
  wasSwitched: boolean;
  /** When a user last changed, paused or deleted it. */
  changedAt: number;
  readonly endpoint: ModelEndpoint;
  /** When a change under rule 7 or 8 last lifted the pace of its calls. */
  repairedAt: number;
  /** Its endpoint has accepted all that is sent since this instant; it is null if it doesn't. */
  acceptsSince: number | null;
  /** It may be over. */
  pause: ModelPause | null;
  readonly calls: Map<string, ModelCall>;
}

export type ModelLimits = Pick<DispatchLimits, "inFlightPerEndpoint" | "inFlightInAll" | "bodyBytes" | "groupSize">;

export interface ModelPause {
  readonly at: number;
  readonly until: number | null;
}

/** Rules 6 and 8, and the same for a pause. */
const LATEST_AFTER_CHANGE_MS = 1_000;
const ROOMY_BYTES = 1024 * 1024;

/** Keeps the model in step, and notes what breaks a rule. */
export class DispatchModel implements Watcher {
  readonly callbacks = new Map<string, ModelCallback>();
  readonly violations: string[] = [];
  /** The clock was set at least once: what is said by two instants of it is no longer to be compared. */
  isJumpy = false;
  /** Nothing can be sent, or hardly anything was until now: what is due then comes late. */
  isShort = false;
  readonly policy: RetryPolicy;
  readonly limits: ModelLimits;
  /** Calls wait for slots or memory. */
  readonly isTight: boolean;
  /** Nothing of the process ran for so long, so what was in flight took longer. */
  frozenMs = 0;
  /** So many outcomes wait to be committed. */
  #uncommitted = 0;
  /** Since the last moment without uncommitted outcomes, so many calls were taken at once, on the wire or not. */
  #mostTaken = 0;
  /** How many calls the dispatcher has taken. */
  taken: () => number = () => 0;
  /** The ids of the callback's calls that it has taken, until their outcomes are committed. */
  begun: (callbackId: string) => ReadonlySet<string> = () => new Set();

  constructor(policy: RetryPolicy, limits: ModelLimits) {
    this.policy = policy;
    this.limits = limits;
    const { inFlightPerEndpoint, inFlightInAll, bodyBytes } = limits;
    this.isTight = Math.min(inFlightPerEndpoint, inFlightInAll / 16) < FAILURES_TO_DOWN || bodyBytes < ROOMY_BYTES;
  }

  add(settings: Callback): ModelCallback {
    const endpoint = new ModelEndpoint(this, (text) => this.violations.push(text));
    const callback = {
      settings,
      isDeleted: false,
      wasSwitched: false,
      changedAt: Number.NEGATIVE_INFINITY,
      endpoint,
      repairedAt: 0,
      acceptsSince: 0,
      pause: null,
      calls: new Map<string, ModelCall>(),
    };
    this.callbacks.set(settings.id, callback);
    return callback;
  }

  accepted(callback: ModelCallback, ids: readonly string[]): void {
    for (const id of ids) {
      callback.calls.set(id, {
        id,
        status: "PENDING",
        owes: "first",
        attempts: [],
        reports: 0,
        firstFailedAt: null,
        lastFailedAt: null,
        pacedFrom: null,
        isDueNow: false,
        isHeld: false,
        isMarkedFailed: false,
        markedAt: Number.NEGATIVE_INFINITY,
        inFlight: null,
        isCancelled: false,
        triedIn: 0,
        sentDown: 0,
        wasFirst: false,
        isUncommitted: false,
        takenBeforeDown: 0,
        isReadApart: false,
      });
    }
  }

  marked(call: ModelCall, status: "SUCCESS" | "FAILED", at: number): void {
    if (call.status === status) return;
    call.markedAt = at;
    call.status = status;
    call.owes = null;
    call.isHeld = false;
    call.isMarkedFailed = status === "FAILED";
  }

  replayMarked({ endpoint }: ModelCallback, calls: readonly ModelCall[], at: number): void {
    for (const call of calls) this.marked(call, "SUCCESS", at);
    endpoint.replayMarked(at);
  }

  replayed(callback: ModelCallback, call: ModelCall, at: number): void {
    if (!isFailedOnDisk(call)) return;
    call.owes = "replay";
    call.isCancelled = false;
    call.triedIn = 0;
    callback.endpoint.replayRequested(at);
  }

  reported(call: ModelCall): void {
    call.reports += 1;
  }

  /** The dispatcher reads the call's body for its request. */
  reads(callbackId: string, callId: string): void {
    const call = this.callbacks.get(callbackId)?.calls.get(callId);
    if (call) call.isReadApart = true;
  }

  /** A call that was begun stays with the replay until it has ended. */
  replayCancelled(callback: ModelCallback, call: ModelCall, at: number): void {
    const isBegun = call.inFlight !== null || this.begun(callback.settings.id).has(call.id);
    call.isCancelled = call.owes === "replay" && isBegun;
    if (call.owes === "replay" && !isBegun) this.#withdrawn(callback, call, at);
  }

  #withdrawn({ settings }: ModelCallback, call: ModelCall, at: number): void {
    const { firstFailedAt, isMarkedFailed } = call;
    const end = (firstFailedAt ?? 0) + this.policy.windowMs;
    const mayRetry = firstFailedAt !== null && !isMarkedFailed && at <= end && (call.pacedFrom ?? firstFailedAt) < end;
    call.owes = mayRetry && settings.retriesEnabled ? "retry" : null;
    // A failure that lies ahead, by a clock that was set back, doesn't say when an interval has passed.
    call.isDueNow = (call.lastFailedAt ?? at) > at;
  }

  updated(callback: ModelCallback, settings: Callback, at: number): void {
    const before = callback.settings;
    callback.settings = settings;
    callback.changedAt = at;
    callback.wasSwitched ||= settings.retriesEnabled !== before.retriesEnabled;
    const isSwitchedOn = settings.retriesEnabled && !before.retriesEnabled;
    if (before.url !== settings.url || isSwitchedOn) {
      callback.endpoint.repaired(at, callback.repairedAt === at);
      callback.repairedAt = at;
    }
    for (const call of callback.calls.values()) {
      if (settings.retriesEnabled && callback.repairedAt === at) this.#retriesOn(call, at);
      if (!settings.retriesEnabled && before.retriesEnabled) this.#retriesOff(call);
    }
  }

  paused(callback: ModelCallback, pause: ModelPause): void {
    callback.pause = pause;
    callback.changedAt = pause.at;
    callback.endpoint.paused();
  }

  deleted(callback: ModelCallback, at: number): void {
    callback.isDeleted = true;
    callback.changedAt = at;
  }

  resumed(callback: ModelCallback, at: number): void {
    if (callback.pause === null) return;
    callback.pause = null;
    callback.endpoint.pauseEnded(at);
  }

  isPausedAt({ pause }: ModelCallback, at: number): boolean {
    return pause !== null && (pause.until === null || at < pause.until);
  }

  /** The dispatcher committed these; what it did with the attempts among them was seen before. */
  committed({ attempts, holdings, endpoints }: OutcomeGroup, idOf: (seq: number) => string | undefined): void {
    this.#uncommitted -= attempts.length;
    for (const { callbackId, callId } of attempts) {
      const call = this.callbacks.get(callbackId)?.calls.get(callId);
      if (call === undefined) continue;
      call.isUncommitted = false;
      // A first failure of a call that was marked before isn't kept as one.
      if (call.wasFirst && call.status === "SUCCESS") call.firstFailedAt = null;
    }
    for (const { callbackId, callSeq, at } of holdings) this.#held(callbackId, idOf(callSeq) ?? "", at);
    for (const { callbackId, endpoint } of endpoints) {
      const model = this.callbacks.get(callbackId)?.endpoint;
      if (endpoint.state === "recovering") model?.recoversAfterPause(endpoint.recovery);
      if (endpoint.state === "up") model?.drained(endpoint.recovery);
      else if (endpoint.state === "recovering" && model?.wasPaused) continue;
      else this.#require(model?.mayGoDown !== false, `I12 ${endpoint.state} before ten different calls failed`);
    }
  }

  #held(callbackId: string, callId: string, at: number): void {
    const callback = this.callbacks.get(callbackId);
    const call = callback?.calls.get(callId);
    if (!callback || !call || call.status !== "PENDING" || !callback.settings.retriesEnabled) return;
    this.#require(callback.endpoint.mayGoDown, `I12 held before ten different calls failed: ${callId}`);
    this.#require(callback.endpoint.mayHoldAt(at), `held while ${callback.endpoint.state}, though a probe may go: ${callId}`);
    Object.assign(call, { status: "FAILED", owes: "retry", firstFailedAt: at, lastFailedAt: at, isHeld: true });
  }

  /** Calls that wait for a retry though their window is over. */
  overdue(callbackId: string, now: number): ModelCall[] {
    const calls = [...(this.callbacks.get(callbackId)?.calls.values() ?? [])];
    return calls.filter(
      ({ owes, inFlight, firstFailedAt }) =>
        owes === "retry" && inFlight === null && firstFailedAt !== null && now > firstFailedAt + this.policy.windowMs,
    );
  }

  /** Failed calls inside their window that aren't retried: the window may have ended while the clock was ahead. */
  unretried({ settings, calls }: ModelCallback, now: number): ModelCall[] {
    if (!settings.retriesEnabled) return [];
    return [...calls.values()].filter(
      ({ status, owes, isMarkedFailed, firstFailedAt }) =>
        status === "FAILED" && owes === null && !isMarkedFailed && now <= (firstFailedAt ?? 0) + this.policy.windowMs,
    );
  }

  /** No time that is kept of a failed call is in the future any more. */
  clamped({ now, setBack }: ClockBounds): void {
    for (const callback of this.callbacks.values()) {
      const { pause } = callback;
      if (pause?.until != null && pause.until <= (setBack?.clockBefore ?? Number.NEGATIVE_INFINITY)) this.resumed(callback, now);
      else if (pause !== null && pause.at > now) {
        callback.pause = { at: now, until: pause.until && pause.until - (pause.at - now) };
      }
      callback.repairedAt = Math.min(callback.repairedAt, now);
      for (const call of callback.calls.values()) {
        if (call.status !== "FAILED" || call.firstFailedAt === null) continue;
        call.firstFailedAt = Math.min(call.firstFailedAt, now);
        if (call.pacedFrom !== null) call.pacedFrom = Math.min(call.pacedFrom, now);
      }
    }
  }

  takenOver(at: number): void {
    for (const { endpoint } of this.callbacks.values()) endpoint.takenOver(at);
  }

  crashed(at: number): void {
    this.#uncommitted = 0;
    for (const callback of this.callbacks.values()) {
      callback.endpoint.crashed();
      for (const call of callback.calls.values()) {
        Object.assign(call, { isUncommitted: false, takenBeforeDown: 0 });
        if (call.inFlight === null) continue;
        Object.assign(call, { inFlight: null, triedIn: 0 });
        if (call.isCancelled) this.#withdrawn(callback, call, at);
      }
    }
  }

  froze(at: number, ms: number): void {
    this.frozenMs += ms;
    for (const { endpoint } of this.callbacks.values()) endpoint.froze(at, at + ms);
  }

  storeFailed(): void {
    for (const { endpoint } of this.callbacks.values()) endpoint.storeFailed();
  }

  shortageEnded(): void {
    this.isShort = false;
    for (const { endpoint } of this.callbacks.values()) endpoint.forgiveClock();
  }

  clockJumped(): void {
    this.isJumpy = true;
    for (const { endpoint, calls } of this.callbacks.values()) {
      endpoint.forgiveClock();
      for (const call of calls.values()) {
        call.isDueNow = true;
        // Its start is recorded by the new clock, and says nothing about a round.
        call.sentDown = 0;
      }
    }
  }

  sending(sent: Sent, _: Call, { url }: Callback): void {
    const callback = this.callbacks.get(sent.callbackId);
    const call = callback?.calls.get(sent.callId);
    if (!callback || !call) return void this.violations.push(`I1 sent what was never accepted: ${sent.callId}`);
    const { endpoint, settings } = callback;
    const changedAt = Math.max(call.markedAt, callback.changedAt);
    const lateMs = call.isReadApart ? LATEST_AFTER_CHANGE_MS : 0;
    const mayBeLate = call.isReadApart && sent.at <= changedAt + lateMs;
    call.isReadApart = false;
    const isPaused = this.isPausedAt(callback, sent.at);
    this.#require(mayBeLate || !isPaused, `I15 sent while paused: ${sent.callId}`);
    if (callback.pause !== null && !isPaused) this.resumed(callback, callback.pause.until ?? sent.at);
    this.#require(mayBeLate || !callback.isDeleted, `sent for a deleted callback: ${sent.callId}`);
    this.#require(mayBeLate || url === settings.url, `sent to ${url} instead of ${settings.url}`);
    this.#require(mayBeLate || call.status !== "SUCCESS", `I2 a SUCCESS call is sent: ${call.id}`);
    this.#require(call.inFlight === null, `sent twice at once: ${call.id}`);
    this.#require(mayBeLate || call.owes !== null, `sent though nothing is owed: ${call.id}`);
    if (call.owes === "retry") this.#checkRetry(callback, call, sent.at, lateMs);
    const wasTakenBefore = endpoint.state === "down" && call.takenBeforeDown === endpoint.downs;
    call.takenBeforeDown = 0;
    endpoint.sending(this.#hasUntried(callback, sent.at), wasTakenBefore);
    const inFlight = [...this.callbacks.values()].reduce((sum, one) => sum + one.endpoint.inFlight, 0);
    this.#require(inFlight <= this.limits.inFlightInAll, `${inFlight} in flight in all`);
    this.#mostTaken = Math.max(this.#uncommitted === 0 ? 0 : this.#mostTaken, this.taken());
    // What was taken before the group was full may still leave.
    const mostUncommitted = this.limits.groupSize + this.#mostTaken;
    this.#require(this.#uncommitted < mostUncommitted, `I6 sent with ${this.#uncommitted} outcomes uncommitted`);
    call.inFlight = sent;
    call.wasFirst = call.owes === "first";
    const isOfTimeDown = endpoint.state === "down" && !wasTakenBefore && !mayBeLate;
    call.sentDown = isOfTimeDown && settings.retriesEnabled && !this.isShort ? endpoint.downs : 0;
    if (endpoint.state === "recovering") call.triedIn = endpoint.recovery;
  }

  settled(sent: Sent, attempt: Attempt): void {
    this.#uncommitted += 1;
    const callback = this.callbacks.get(sent.callbackId);
    const call = callback?.calls.get(sent.callId);
    if (!callback || !call) return;
    const isAccepted = sent.accepted === true;
    const { startedAt } = attempt;
    this.#require(startedAt <= (sent.endedAt ?? 0), `an attempt that ended before it began: ${call.id}`);
    call.inFlight = null;
    call.attempts.push({ startedAt, accepted: isAccepted, cause: attempt.cause });
    call.pacedFrom = startedAt;
    const isWatched = call.sentDown !== 0 && call.sentDown === callback.endpoint.downs;
    if (isWatched && call.wasFirst) this.#require(attempt.cause === "probe", `sent while down, not held: ${call.id}`);
    if (call.wasFirst) this.#require(attempt.cause !== "retry", `a first attempt is called a retry: ${call.id}`);
    call.isUncommitted = true;
    const { downs } = callback.endpoint;
    callback.endpoint.settled(call.id, attempt, isWatched);
    if (callback.endpoint.downs > downs) this.#wentDown(callback);
    if (call.status === "SUCCESS") return;
    if (isAccepted) return void Object.assign(call, { status: "SUCCESS", owes: null });
    const firstFailedAt = call.firstFailedAt ?? startedAt;
    const mayRetry = callback.settings.retriesEnabled && startedAt < firstFailedAt + this.policy.windowMs;
    const isReplay = call.owes === "replay" && attempt.cause === "replay";
    const wasMarked = call.isMarkedFailed && !isReplay;
    const owes = wasMarked || (call.owes === "replay" && !isReplay) ? call.owes : mayRetry ? "retry" : null;
    Object.assign(call, {
      status: "FAILED",
      owes,
      firstFailedAt,
      lastFailedAt: startedAt,
      isDueNow: false,
      isHeld: false,
      isMarkedFailed: wasMarked,
    });
  }

  /** What was taken before may still leave. */
  #wentDown({ settings, calls, endpoint }: ModelCallback): void {
    for (const id of this.begun(settings.id)) {
      const call = calls.get(id);
      if (call && call.inFlight === null && !call.isUncommitted) call.takenBeforeDown = endpoint.downs;
    }
  }

  #checkRetry({ settings, endpoint, repairedAt }: ModelCallback, call: ModelCall, at: number, lateMs: number): void {
    const end = (call.firstFailedAt ?? at) + this.policy.windowMs;
    this.#require(settings.retriesEnabled, `retried with retries off: ${call.id}`);
    this.#require(this.isJumpy || this.#isPaced(call, repairedAt, at), `I11 retried too early: ${call.id}`);
    const isOfDrain = endpoint.state === "recovering" && call.triedIn < endpoint.recovery;
    this.#require(at <= end + lateMs || (isOfDrain && endpoint.graceSince <= end), `I3 retried ${at - end} ms late: ${call.id}`);
    if (endpoint.state === "down" || isOfDrain || call.isDueNow || call.isHeld) return;
    const waited = at - (call.lastFailedAt ?? at);
    const spread = this.policy.jitter ? 0.1 : 0;
    const isOnTime = waited >= this.policy.intervalMs * (1 - spread) - 1 || at === end;
    this.#require(isOnTime, `retried after ${waited} ms: ${call.id}`);
  }

  /** Whether something waits that was not sent in this recovery yet: as long as it does, the endpoint can't be up. */
  #hasUntried({ calls, endpoint, settings, repairedAt }: ModelCallback, at: number): boolean {
    for (const call of calls.values()) {
      if (call.inFlight !== null || call.owes === null || call.owes === "first" || call.triedIn >= endpoint.recovery) continue;
      const isInside = (call.firstFailedAt ?? 0) + this.policy.windowMs >= endpoint.graceSince;
      if (call.owes === "replay") return true;
      if (isInside && settings.retriesEnabled && this.#isPaced(call, repairedAt, at)) return true;
    }
    return false;
  }

  /** Rule 11 says when. */
  #isPaced(call: ModelCall, repairedAt: number, at: number): boolean {
    return at >= this.mayBeginAt(call, repairedAt);
  }

  mayBeginAt({ pacedFrom, owes }: ModelCall, repairedAt: number): number {
    if (pacedFrom === null || owes === "replay" || pacedFrom < repairedAt) return 0;
    return pacedFrom + 0.8 * this.policy.intervalMs;
  }

  #retriesOn(call: ModelCall, at: number): void {
    if (call.status !== "FAILED" || call.owes === "replay" || call.firstFailedAt === null || call.isMarkedFailed) return;
    // One whose attempt isn't committed yet gets its retry by the commit, as if retries had been on.
    const end = call.firstFailedAt + this.policy.windowMs;
    const isInside = call.isUncommitted ? (call.pacedFrom ?? at) < end : at <= end;
    if (isInside) Object.assign(call, { owes: "retry", isDueNow: true });
  }

  #retriesOff(call: ModelCall): void {
    if (call.status !== "FAILED" || call.owes === null) return;
    if (call.attempts.length === 0) {
      const asNew = { status: "PENDING", owes: "first", firstFailedAt: null, isHeld: false, isMarkedFailed: false, triedIn: 0 };
      Object.assign(call, asNew);
    } else if (call.owes === "retry") call.owes = null;
    // One that was held is PENDING again on disk, and first fails there when its attempt is committed.
    const [first, ...others] = call.attempts;
    if (first !== undefined && others.length === 0 && call.isUncommitted)
      Object.assign(call, { owes: null, firstFailedAt: first.startedAt });
  }

  #require(holds: boolean, otherwise: string): void {
    if (!holds) this.violations.push(otherwise);
  }
}

/** One whose first attempt isn't committed yet is PENDING on disk, so nobody replays it or makes it FAILED. */
export function isPendingOnDisk({ status, wasFirst, isUncommitted }: ModelCall): boolean {
  return status === "PENDING" || (wasFirst && isUncommitted);
}

export function isFailedOnDisk({ status, wasFirst, isUncommitted }: ModelCall): boolean {
  return status === "FAILED" && !(wasFirst && isUncommitted);
}
