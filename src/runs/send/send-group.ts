import type { ReplayAttempt } from "../../client/run-requests.js";
import type { Wait } from "../../client/wait.js";
import type { Delivery } from "../../delivery/deliverer.js";
import { ATTEMPT_DEADLINE_MS, isAccepted, mayBeAboutBody, resultMessage } from "../../domain/attempt.js";
import type { SigningSecret } from "../../domain/callback.js";
import { isWhcbError } from "../../domain/errors.js";
import { createPacer, type Pacer } from "../../platform/pacer.js";
import { type DeliveryRequest, signDelivery } from "../../wire/delivery-request.js";
import type { SkipReason, StopReason } from "../journal/run-step.js";
import { findById } from "../plan/call-scope.js";
import type { PlannedCall } from "../plan/snapshot-file.js";
import type { ReplayOptions } from "../run-options.js";
import { asWhcbError, type RunSession, type StopSignal } from "../run-session.js";
import { CallChooser, WrittenAheadCalls } from "./calls-to-send.js";
import { type FoundCall, FRESH_MS, FreshCalls } from "./fresh-calls.js";

export interface SendJob {
  readonly callbackId: string;
  readonly calls: AsyncIterable<PlannedCall>;
  readonly build: (call: { readonly id: string; readonly body: Uint8Array }) => DeliveryRequest<Uint8Array>;
  readonly signingSecrets: readonly SigningSecret[];
  readonly options: ReplayOptions;
  readonly onAccepted: (attempt: ReplayAttempt) => void;
  readonly onNotAccepted: (attempt: ReplayAttempt) => void;
}

/** Bodies in flight to one endpoint take no more, unless a single one is larger. */
const BODY_BUDGET_BYTES = 32 * 1024 * 1024;
/** So many calls per slot are written ahead, which hides a slow disk from a fast endpoint. */
const AHEAD_PER_SLOT = 128;
/** A call that is deferred more often counts as rejected. */
const MAX_DEFERRALS = 5;
/** So many calls are tried first, each rejected by an answer that may be about its body. */
const MAX_CANARIES = 3;
/** A longer pause stops sending. */
const LONGEST_PAUSE_MS = 15 * 60_000;
/** A 429 without `Retry-After` asks for this. */
const DEFAULT_PAUSE_MS = 1_000;

export async function sendGroup(job: SendJob, session: RunSession): Promise<void> {
  await new GroupSender(job, session).run();
}

type Pause = Wait & { readonly for: "pause" };

class GroupSender {
  readonly #job: SendJob;
  readonly #session: RunSession;
  readonly #stop: StopSignal;
  readonly #calls: WrittenAheadCalls;
  readonly #chooser: CallChooser;
  readonly #fresh: FreshCalls;
  readonly #pacer: Pacer;
  readonly #deferrals = new Map<string, number>();
  #pace: SendPace;
  #inFlight = 0;
  #inFlightBytes = 0;
  #isWriteDue = false;
  #pause: Pause | null = null;
  #onSettled: () => void = () => {};
  /** An endpoint rejects what was signed minutes ago by its clock, and ours may be wrong. */
  readonly #serviceNow = () => this.#session.deps.client.toServiceClock(this.#session.deps.clock.now());

  constructor(job: SendJob, session: RunSession) {
    const { options, callbackId } = job;
    const { clock } = session.deps;
    this.#job = job;
    this.#session = session;
    this.#stop = session.stopOf(callbackId);
    this.#fresh = new FreshCalls(job, session.deps);
    this.#chooser = new CallChooser(this.#fresh.read(job.calls), options.serialBy, ({ id: call }) =>
      session.record(callbackId, { step: "skipped", call, at: clock.now(), reason: "order" }),
    );
    const ahead = Math.min(options.concurrency * AHEAD_PER_SLOT, Math.ceil(options.rate ?? Number.POSITIVE_INFINITY));
    this.#calls = new WrittenAheadCalls(this.#chooser, (callIds) => session.writeAhead(callIds), ahead);
    this.#pacer = createPacer(options.rate, clock);
    this.#pace = firstPace(options);
  }

  async run(): Promise<void> {
    this.#session.beginSending();
    try {
      while (await this.#hasRoom()) {
        const call = await this.#calls.next();
        if (call === null) break;
        while (this.#inFlight > 0 && this.#inFlightBytes + call.bytes > BODY_BUDGET_BYTES) await this.#nextSettled();
        await this.#pacer.take(this.#stop.signal);
        if (this.#stop.reason !== null) break;
        const found = await this.#fresh.find(call);
        if (found.skip !== null) this.#skip(call, found.skip);
        else this.#send(call, await call.readBody(), found);
      }
    } catch (error) {
      await this.#fail(error);
    } finally {
      while (this.#inFlight > 0) await this.#nextSettled();
      await this.#calls.end();
      this.#session.recordIdle();
    }
  }

  /** A 404 may be another service's, or of a moment, so the list of callbacks is asked. */
  async #fail(error: unknown): Promise<void> {
    const { journal, stop, deps } = this.#session;
    let cause = error;
    try {
      const mayBeGone = isWhcbError(error, "not-found");
      if (mayBeGone && (await findById(this.#job.callbackId, deps.client)) === null) return this.#stop.stop("gone");
    } catch (failure) {
      cause = failure;
    }
    stop.stop(journal.failure === null ? "service" : "journal", asWhcbError(cause));
  }

  /** Waits for a free slot. Resolves to false once stopped. */
  async #hasRoom(): Promise<boolean> {
    const { clock } = this.#session.deps;
    while (this.#stop.reason === null) {
      const isCanaryInFlight = this.#pace.isCanaryOut && this.#inFlight > 0;
      if (this.#inFlight >= this.#pace.limit || isCanaryInFlight) await this.#nextSettled();
      else if (this.#pause !== null && clock.now() < this.#pause.until) await this.#waitOut(this.#pause);
      else return true;
    }
    return false;
  }

  async #waitOut(pause: Pause): Promise<void> {
    const wait = this.#session.beginWait(pause);
    await this.#session.deps.clock.sleepUntil(pause.until, this.#stop.signal);
    wait.end();
  }

  /** Resolves at the end of the turn, whose outcomes are written together. */
  async #nextSettled(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onSettled = resolve;
    });
    await this.#session.deps.clock.nextTurn();
  }

  async #writeAfterTurn(): Promise<void> {
    if (this.#isWriteDue) return;
    this.#isWriteDue = true;
    await this.#session.deps.clock.nextTurn();
    this.#isWriteDue = false;
    this.#session.writeOutcomes();
  }

  #skip(call: PlannedCall, reason: SkipReason): void {
    const at = this.#session.deps.clock.now();
    this.#session.record(this.#job.callbackId, { step: "skipped", call: call.id, at, reason });
    this.#calls.settle(call, true);
  }

  #send(call: PlannedCall, body: Uint8Array, found: FoundCall): void {
    const { clock, deliverer } = this.#session.deps;
    const startedAt = clock.monotonicMs();
    // The outcome that freed the slot may not be written yet.
    this.#session.writeOutcomes();
    const hasLock = () => this.#session.locks?.maySend(this.#job.callbackId) !== false;
    if (!hasLock()) this.#stop.stop("lock-lost");
    if (this.#stop.reason !== null) return;
    this.#inFlight++;
    this.#inFlightBytes += call.bytes;
    const wait = this.#session.beginWait({ for: "answer", from: "endpoint", until: clock.now() + ATTEMPT_DEADLINE_MS });
    const request = signDelivery(this.#job.build({ id: call.id, body }), this.#job.signingSecrets, this.#serviceNow);
    let last = found;
    // Connecting may take long.
    const maySend = () => {
      if (!hasLock()) return false;
      if (clock.monotonicMs() - last.answeredAtMs <= FRESH_MS) return true;
      return this.#fresh.findAgain(call).then(
        (again) => {
          last = again;
          return again.skip === null;
        },
        async (error: unknown) => {
          await this.#fail(error);
          return false;
        },
      );
    };
    void deliverer
      .deliverIf(maySend, request)
      .then(
        (delivery) => {
          if (delivery !== null) return this.#settle(call, delivery, Math.round(clock.monotonicMs() - startedAt));
          if (last.skip !== null) return this.#skip(call, last.skip);
          this.#stop.stop("lock-lost");
          void this.#calls.end();
        },
        // This isn't the endpoint's fault: the call isn't settled, and the run can be resumed.
        (error: unknown) => {
          this.#session.stop.stop("service", asWhcbError(error));
          void this.#calls.end();
        },
      )
      .then(() => {
        wait.end();
        void this.#writeAfterTurn();
        this.#inFlight--;
        this.#inFlightBytes -= call.bytes;
        this.#onSettled();
      });
  }

  #settle(call: PlannedCall, { result, retryAfterMs }: Delivery, ms: number): void {
    const { options, callbackId } = this.#job;
    const at = this.#session.deps.clock.now();
    const { submittedAt } = call;
    const attempt = { callId: call.id, startedAt: at - ms, durationMs: ms, result, submittedAt };
    const resent = result.resent && { resent: true as const };
    if (isAccepted(result)) {
      const serviceAt = this.#session.deps.client.serviceNow();
      const dates = { ...(serviceAt !== null && { serviceAt }), ...(submittedAt !== undefined && { submittedAt }) };
      this.#session.record(callbackId, { step: "accepted", call: call.id, at, ms, ...dates, ...resent });
      this.#pace = paceAfterSuccess(this.#pace, options);
      this.#chooser.setRejectedCanaries([]);
      this.#job.onAccepted(attempt);
      this.#calls.settle(call, true);
      return;
    }
    this.#job.onNotAccepted(attempt);
    const status = result.kind === "answered" ? result.statusCode : null;
    const pauseMs = retryAfterMs ?? (status === 429 ? DEFAULT_PAUSE_MS : null);
    const deferrals = this.#deferrals.get(call.id) ?? 0;
    const isPause = pauseMs !== null && (status === 429 || status === 503);
    // After too long a pause, a resumed run sends it.
    const isDeferred = isPause && (deferrals < MAX_DEFERRALS || pauseMs > LONGEST_PAUSE_MS);
    if (pauseMs !== null) this.#pauseFor(pauseMs, status);
    const message = resultMessage(result);
    const outcome = { call: call.id, at, ms, status, message, ...resent };
    if (isDeferred) {
      this.#session.record(callbackId, { step: "deferred", ...outcome });
      this.#deferrals.set(call.id, deferrals + 1);
      this.#calls.defer(call);
      this.#pace = paceAfterPause(this.#pace);
      return;
    }
    const isOfBody = mayBeAboutBody(status);
    const saysNothingOfCall = this.#pace.isCanaryOut && !isOfBody;
    this.#session.record(callbackId, { step: "rejected", ...outcome, ...(saysNothingOfCall && { canary: true }) });
    this.#pace = paceAfterFailure(this.#pace, { call, mayBeAboutBody: isOfBody }, options);
    this.#chooser.setRejectedCanaries(this.#pace.isCanaryOut ? this.#pace.rejectedCanaries : []);
    this.#calls.settle(call, false);
    if (this.#pace.stop !== null) this.#stop.stop(this.#pace.stop);
  }

  #pauseFor(retryAfterMs: number, status: number | null): void {
    if (retryAfterMs > LONGEST_PAUSE_MS) this.#stop.stop("retry-after");
    const until = this.#session.deps.clock.now() + retryAfterMs;
    if (until > (this.#pause?.until ?? 0)) this.#pause = { for: "pause", from: "endpoint", until, status, retryAfterMs };
  }
}

interface SendPace {
  /** `limit` starts at 1. A success adds one, a failure halves it. */
  readonly limit: number;
  readonly failuresInRow: number;
  readonly isCanaryOut: boolean;
  /** While a canary is out, these were rejected before it. */
  readonly rejectedCanaries: readonly PlannedCall[];
  readonly stop: StopReason | null;
}

function firstPace({ canary }: ReplayOptions): SendPace {
  return { limit: 1, failuresInRow: 0, isCanaryOut: canary, rejectedCanaries: [], stop: null };
}

function paceAfterSuccess(pace: SendPace, { concurrency }: ReplayOptions): SendPace {
  const limit = Math.min(pace.limit + 1, concurrency);
  return { limit, failuresInRow: 0, isCanaryOut: false, rejectedCanaries: [], stop: pace.stop };
}

/** A pause isn't a failure, and the canary stays out. */
function paceAfterPause(pace: SendPace): SendPace {
  return { ...pace, limit: Math.max(1, Math.floor(pace.limit / 2)) };
}

interface FailedSend {
  readonly call: PlannedCall;
  readonly mayBeAboutBody: boolean;
}

/** Stops on failed canaries, or too many failures in a row. */
function paceAfterFailure(pace: SendPace, { call, mayBeAboutBody }: FailedSend, { maxFailures }: ReplayOptions): SendPace {
  const failuresInRow = pace.failuresInRow + 1;
  const rejectedCanaries = pace.isCanaryOut ? [...pace.rejectedCanaries, call] : [];
  const stop =
    stopAfterCanary(pace, rejectedCanaries.length, mayBeAboutBody) ?? (failuresInRow >= maxFailures ? "max-failures" : null);
  const limit = Math.max(1, Math.floor(pace.limit / 2));
  return { ...pace, limit, failuresInRow, rejectedCanaries, stop: pace.stop ?? stop };
}

function stopAfterCanary({ isCanaryOut }: SendPace, canaries: number, mayBeAboutBody: boolean): StopReason | null {
  if (!isCanaryOut) return null;
  if (!mayBeAboutBody) return "canary";
  return canaries === MAX_CANARIES ? "canaries" : null;
}
