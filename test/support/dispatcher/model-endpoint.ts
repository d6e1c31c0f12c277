/** This is one endpoint as the rules describe it: up, down, recovering, what it may be sent, and its clock. */
import type { Attempt } from "../../../src/domain/attempt.js";
import type { RetryPolicy } from "../../../src/domain/retry-policy.js";
import type { DispatchModel } from "./dispatch-model.js";

export const FAILURES_TO_DOWN = 10;
const FIRST_STEP_MS = 1_000;
/** Without slots for its requests, or memory, a round takes long: each request may hang for a minute. */
const TIGHT_ROUND_MS = 60 * 60_000;

export class ModelEndpoint {
  state: "up" | "down" | "recovering" = "up";
  recovery = 0;
  /** A running drain excuses late retries since this instant. */
  graceSince = Number.POSITIVE_INFINITY;
  inFlight = 0;
  /** It counts how often the endpoint went down; a request knows in which of these times it was sent. */
  downs = 0;
  readonly #policy: RetryPolicy;
  readonly #maxInFlight: number;
  readonly #broken: (text: string) => void;
  /** Ids of the calls that failed since the last success. */
  readonly #failedCalls = new Set<string>();
  /** Ids of the calls that ever failed. */
  readonly #everFailed = new Set<string>();
  #limit = 1;
  #roundMayBeginAt = 0;
  #roundAt: number | null = null;
  /** Requests of the rounds so far, by the instant at which these began. */
  readonly #sentAt = new Map<number, number>();
  /** When someone may have repaired it, or wanted a replay, since the last round began: each is worth a round before its time, maybe at the same instant. */
  #repairs: number[] = [];
  /** A round had begun when the process stopped, and leaves with the next one, which a repair made due meanwhile. */
  #mayHaveUnsentRound = false;
  /** The last stop of the process. A round that is seen as it ends may have begun before it. */
  #stop = { from: 0, until: Number.NaN };
  #hasUnsentRound = false;
  #repairedAt = Number.NEGATIVE_INFINITY;
  #probeMayGoAt = 0;
  #probeStepMs = FIRST_STEP_MS;
  /** When the last probe began, or when the endpoint went down. */
  #probeBeganAt = 0;
  #replayProbeAt = Number.NEGATIVE_INFINITY;
  /** The clock was set after that: set back far, it makes the mark old. */
  #mayBeOldReplay = false;
  #downSince = Number.POSITIVE_INFINITY;
  #leftDownAt = Number.NEGATIVE_INFINITY;
  /** Its callback was paused at least once. */
  wasPaused = false;
  /** It recovers because of the pause. */
  #isOfPause = false;
  /** How far off a store that fails, or a lack of slots, may put things. */
  #slackMs = 0;

  constructor({ policy, limits, isTight }: DispatchModel, broken: (text: string) => void) {
    this.#policy = policy;
    this.#maxInFlight = limits.inFlightPerEndpoint;
    this.#broken = broken;
    if (isTight) this.#slackMs = TIGHT_ROUND_MS;
  }

  /** Checks I8, and that no more requests are in flight than its limit, unless this call was taken before it went down. */
  sending(hasUntried: boolean, wasTakenBefore: boolean): void {
    this.inFlight += 1;
    const limit =
      this.state === "down" ? FAILURES_TO_DOWN : this.state === "recovering" && hasUntried ? this.#limit : this.#maxInFlight;
    if (this.inFlight > limit && !wasTakenBefore)
      this.#broken(`I8 ${this.inFlight} in flight while ${this.state} with limit ${limit}`);
  }

  /** `isWatched`: it was sent while down, with retries on. */
  settled(callId: string, attempt: Attempt, isWatched: boolean): void {
    this.inFlight -= 1;
    if (this.state === "down" && isWatched) this.#checkClock(attempt);
    const endedAt = attempt.startedAt + attempt.durationMs;
    const isAccepted = attempt.result.kind === "answered" && attempt.result.statusCode === 200;
    if (isAccepted) this.#succeeded(endedAt);
    else this.#failed(callId, endedAt, attempt);
  }

  /** I12: with fewer it never goes down, and no call waits. */
  get mayGoDown(): boolean {
    return this.#everFailed.size >= FAILURES_TO_DOWN;
  }

  wasDownAt(at: number): boolean {
    return this.state === "down" ? at >= this.#downSince : at <= this.#leftDownAt;
  }

  /** Nothing was left untried. */
  drained(recovery: number): void {
    if (this.state !== "recovering" || this.recovery !== recovery) return;
    this.state = "up";
    this.#isOfPause = false;
    this.graceSince = Number.POSITIVE_INFINITY;
  }

  paused(): void {
    this.wasPaused = true;
  }

  /** Whether the dispatcher has seen the pause is known once it has committed that. */
  recoversAfterPause(recovery: number): void {
    if (!this.wasPaused || this.state !== "up" || recovery <= this.recovery) return;
    this.state = "recovering";
    this.recovery = recovery;
    this.graceSince = Number.NEGATIVE_INFINITY;
    this.#limit = 1;
    this.#isOfPause = true;
  }

  /** What has waited is sent from now on: with one request at first if it was up, and with a round and a probe if it is down. */
  pauseEnded(at: number): void {
    if (this.state === "down") this.repaired(at, true);
    if (!this.#isOfPause) return;
    this.#isOfPause = false;
    this.#limit = 1;
    this.graceSince = at;
  }

  froze(from: number, until: number): void {
    this.#stop = { from, until };
    this.#mayHaveUnsentRound = this.#repairs.length > 0;
  }

  storeFailed(): void {
    this.#slackMs = Math.max(5_000, this.#slackMs);
  }

  /** A round is due now. */
  replayRequested(at: number): void {
    this.#repairs.push(at);
    if (this.#slackMs > 0) this.#roundAt = null;
  }

  /** A round and a probe are due now. Of two changes in one millisecond, the second may go unnoticed. */
  repaired(at: number, isSecond: boolean): void {
    this.replayRequested(at);
    this.#repairedAt = at;
    this.#probeMayGoAt = isSecond ? Number.NEGATIVE_INFINITY : Math.min(this.#probeMayGoAt, at);
  }

  /** A probe is due now, at most one a second. */
  replayMarked(at: number): void {
    this.#replayProbeAt = at;
    this.#mayBeOldReplay = false;
    this.#noticeReplayMark();
  }

  #noticeReplayMark(): void {
    if (this.#replayProbeAt <= this.#probeBeganAt) return;
    const mayGoAt = Math.max(this.#replayProbeAt, this.#probeBeganAt + FIRST_STEP_MS);
    this.#probeMayGoAt = this.#mayBeOldReplay ? Number.NEGATIVE_INFINITY : Math.min(this.#probeMayGoAt, mayGoAt);
  }

  /** Responses are held only if the last probe failed and the next may not go yet, unless a change lets it go in the same millisecond. */
  mayHoldAt(at: number): boolean {
    return this.wasDownAt(at) && (this.mayAwaitProbeAt(at) || at === this.#repairedAt);
  }

  /** The next one may not go yet, as far as is known. */
  mayAwaitProbeAt(at: number): boolean {
    return this.#probeMayGoAt === Number.NEGATIVE_INFINITY || at < this.#probeMayGoAt;
  }

  /**
   * Another process takes over: a drain excuses at most one interval of the time in which none ran. A change since the last round began
   * counts again.
   */
  takenOver(at: number): void {
    if (this.state === "down" && this.#repairedAt > (this.#roundAt ?? this.#downSince))
      this.#probeMayGoAt = Number.NEGATIVE_INFINITY;
    if (this.state === "recovering") this.graceSince = Math.max(this.graceSince, at - this.#policy.intervalMs);
  }

  crashed(): void {
    this.inFlight = 0;
    this.forgiveClock();
  }

  /** Forgets when its rounds and probes were. */
  forgiveClock(): void {
    this.#roundMayBeginAt = Number.NEGATIVE_INFINITY;
    this.#roundAt = null;
    this.#sentAt.clear();
    this.#probeMayGoAt = Number.NEGATIVE_INFINITY;
    this.#mayBeOldReplay = true;
    this.#downSince = Number.NEGATIVE_INFINITY;
    this.#leftDownAt = Number.POSITIVE_INFINITY;
  }

  /** I5 allows ten requests a round, a round an interval, and one probe a back-off step. */
  #checkClock({ cause, startedAt }: Attempt): void {
    if (cause === "probe") {
      if (startedAt < this.#probeMayGoAt) this.#broken(`I5 a probe ${this.#probeMayGoAt - startedAt} ms early`);
      return;
    }
    const roundAt = this.#roundOf(startedAt);
    const sent = (this.#sentAt.get(roundAt) ?? 0) + 1;
    this.#sentAt.set(roundAt, sent);
    const repairs = this.#repairs.filter((at) => at === roundAt).length;
    const rounds = 1 + repairs + (this.#hasUnsentRound ? 1 : 0);
    if (sent > FAILURES_TO_DOWN * rounds) this.#broken(`I5 ${sent} requests in one round`);
  }

  #roundOf(at: number): number {
    if (this.#sentAt.has(at)) return at;
    // A store that failed may have delayed the rest of a round; a full one has no rest.
    const isLate = this.#roundAt !== null && at <= this.#roundAt + this.#slackMs;
    if (isLate && this.#roundAt !== null && (this.#sentAt.get(this.#roundAt) ?? 0) < FAILURES_TO_DOWN) return this.#roundAt;
    this.#beginRound(at);
    return at;
  }

  #beginRound(at: number): void {
    const early = this.#roundMayBeginAt - this.#slackMs - at;
    const isRepaired = this.#repairs.some((repairedAt) => repairedAt <= at && repairedAt >= (this.#roundAt ?? 0));
    if (early > 0 && !isRepaired) this.#broken(`I5 a round ${early} ms early`);
    this.#repairs = this.#repairs.filter((repairedAt) => repairedAt >= at);
    // One that had no slot for an interval is followed by the next at once.
    const waitedForSlots = this.#slackMs === TIGHT_ROUND_MS && at >= this.#roundMayBeginAt + this.#shortestInterval;
    this.#hasUnsentRound = this.#mayHaveUnsentRound || waitedForSlots;
    this.#mayHaveUnsentRound = false;
    this.#roundAt = at;
    this.#roundMayBeginAt = (at === this.#stop.until ? this.#stop.from : at) + this.#shortestInterval;
  }

  #succeeded(at: number): void {
    this.#failedCalls.clear();
    if (this.state === "down") {
      this.state = "recovering";
      this.#leftDownAt = at;
      this.recovery += 1;
      this.graceSince = at;
      this.#limit = 1;
    } else if (this.state === "recovering") this.#limit = Math.min(this.#limit + 1, this.#maxInFlight);
  }

  #failed(callId: string, at: number, { cause, startedAt }: Attempt): void {
    this.#failedCalls.add(callId);
    this.#everFailed.add(callId);
    if (this.state === "down") {
      if (cause !== "probe") return;
      this.#probeMayGoAt = at + this.#probeStepMs;
      this.#probeStepMs = Math.min(this.#probeStepMs * 2, this.#policy.intervalMs);
      this.#probeBeganAt = startedAt;
      this.#noticeReplayMark();
    } else if (this.#failedCalls.size >= FAILURES_TO_DOWN) {
      this.state = "down";
      this.#failedCalls.clear();
      this.downs += 1;
      this.#downSince = at;
      this.graceSince = Number.POSITIVE_INFINITY;
      this.#roundMayBeginAt = at + this.#shortestInterval;
      this.#roundAt = null;
      this.#probeMayGoAt = at;
      this.#probeStepMs = FIRST_STEP_MS;
      this.#probeBeganAt = at;
    } else this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }

  get #shortestInterval(): number {
    return this.#policy.intervalMs * (this.#policy.jitter ? 0.9 : 1) - 1;
  }
}
