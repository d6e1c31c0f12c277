/** Sends the calls of one callback, within every limit of the options, until all are settled or something says stop. */

import type { Delivery } from "../../delivery/deliverer.js";
import { isAccepted } from "../../domain/attempt.js";
import { createPacer, type Pacer } from "../../platform/pacer.js";
import type { DeliveryRequest } from "../../wire/delivery-request.js";
import { asWhcbError } from "../expected-error.js";
import type { PlannedCall } from "../plan/replay-plan.js";
import type { ReplayOptions } from "../run-options.js";
import type { RunSession } from "../run-session.js";
import { CallChooser } from "./call-chooser.js";
import { firstPace, paceAfterFailure, paceAfterSuccess, type SendPace } from "./send-pace.js";
import type { StopSignal } from "./stop-signal.js";
import { WrittenAheadCalls } from "./written-ahead-calls.js";

export interface SendJob {
  readonly callbackId: string;
  /** In sending order. */
  readonly calls: AsyncIterable<PlannedCall>;
  readonly build: (call: PlannedCall) => DeliveryRequest<Uint8Array>;
  /** The callback's key: never told. */
  readonly secret: string;
  readonly options: ReplayOptions;
  readonly onAccepted: (callId: string) => void;
}

/** Announced ahead of each slot at most: enough to hide a slow disk from a fast endpoint. */
const ANNOUNCED_PER_SLOT = 128;
/** After so many pauses that the endpoint asked for, a call is refused. */
const MAX_DEFERRALS = 5;
/** What asks for a longer pause ends the sending. */
const LONGEST_PAUSE_MS = 15 * 60_000;
/** "Too many requests" without a word about when. */
const DEFAULT_PAUSE_MS = 1_000;

export async function sendGroup(job: SendJob, session: RunSession): Promise<void> {
  await new GroupSender(job, session).run();
}

class GroupSender {
  readonly #job: SendJob;
  readonly #session: RunSession;
  readonly #stop: StopSignal;
  readonly #calls: WrittenAheadCalls;
  readonly #chooser: CallChooser;
  readonly #pacer: Pacer;
  readonly #deferrals = new Map<string, number>();
  #pace: SendPace;
  #inFlight = 0;
  #willWrite = false;
  #pausedUntil = 0;
  #onSettled: () => void = () => {};

  constructor(job: SendJob, session: RunSession) {
    const { options, callbackId } = job;
    const { deps, journal } = session;
    this.#job = job;
    this.#session = session;
    this.#stop = session.stopOfCallback(callbackId);
    this.#chooser = new CallChooser(job.calls, options.serialBy, ({ id }) => session.skipped(callbackId, id, "order"));
    const ahead = Math.min(options.concurrency * ANNOUNCED_PER_SLOT, Math.ceil(options.rate ?? Number.POSITIVE_INFINITY));
    this.#calls = new WrittenAheadCalls(this.#chooser, journal, deps.clock, ahead);
    this.#pacer = createPacer(options.rate, deps.clock);
    this.#pace = firstPace(options);
  }

  async run(): Promise<void> {
    try {
      while (await this.#hasRoom()) {
        const call = await this.#calls.next();
        if (call === null) break;
        await this.#pacer.take(this.#stop.signal);
        if (this.#stop.reason !== null) break;
        this.#send(call);
      }
    } catch (error) {
      const isJournals = this.#session.journal.failure !== null;
      this.#session.stop.stop(isJournals ? "journal" : "service", asWhcbError(error));
    } finally {
      while (this.#inFlight > 0) await this.#nextSettled();
    }
  }

  /** Waits until one more may be under way; false once it is stopped. */
  async #hasRoom(): Promise<boolean> {
    const { clock } = this.#session.deps;
    while (this.#stop.reason === null) {
      const isTrying = this.#pace.isCanaryOut && this.#inFlight > 0;
      if (this.#inFlight >= this.#pace.limit || isTrying) await this.#nextSettled();
      else if (clock.now() < this.#pausedUntil) await clock.sleepUntil(this.#pausedUntil, this.#stop.signal);
      else return true;
    }
    return false;
  }

  /** The end of the turn in which one is settled: the outcomes of one turn are written down together. */
  async #nextSettled(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onSettled = resolve;
    });
    await this.#session.deps.clock.nextTurn();
  }

  async #writeAfterTurn(): Promise<void> {
    if (this.#willWrite) return;
    this.#willWrite = true;
    await this.#session.deps.clock.nextTurn();
    this.#willWrite = false;
    this.#session.writeOutcomes();
  }

  #send(call: PlannedCall): void {
    const { clock, deliverer } = this.#session.deps;
    const startedAt = clock.monotonicMs();
    // Its slot may be that of a call whose outcome isn't written down yet.
    this.#session.writeOutcomes();
    if (this.#stop.reason !== null) return;
    this.#inFlight++;
    void deliverer.deliver(this.#job.build(call)).then((delivery) => {
      this.#settle(call, delivery, Math.round(clock.monotonicMs() - startedAt));
      void this.#writeAfterTurn();
      this.#inFlight--;
      this.#onSettled();
    });
  }

  #settle(call: PlannedCall, { result, retryAfterMs }: Delivery, durationMs: number): void {
    const { options, callbackId, secret } = this.#job;
    const outcome = { callbackId, callId: call.id, durationMs };
    if (isAccepted(result)) {
      this.#session.accepted(outcome);
      this.#pace = paceAfterSuccess(this.#pace, options);
      this.#job.onAccepted(call.id);
      this.#calls.settled(call, true);
      return;
    }
    const status = result.kind === "answered" ? result.statusCode : null;
    const pauseMs = retryAfterMs ?? (status === 429 ? DEFAULT_PAUSE_MS : null);
    const deferrals = this.#deferrals.get(call.id) ?? 0;
    const mayComeAgain = pauseMs !== null && (status === 429 || status === 503) && pauseMs <= LONGEST_PAUSE_MS;
    if (mayComeAgain && deferrals < MAX_DEFERRALS && !this.#pace.isCanaryOut) {
      this.#deferrals.set(call.id, deferrals + 1);
      this.#pauseFor(pauseMs);
      this.#session.deferred(outcome, result, this.#pausedUntil);
      this.#calls.deferred(call);
    } else {
      if (pauseMs !== null) this.#pauseFor(pauseMs);
      this.#session.refused(outcome, result, secret);
      this.#calls.settled(call, false);
    }
    this.#pace = paceAfterFailure(this.#pace, options);
    if (this.#pace.stop !== null) this.#stop.stop(this.#pace.stop);
  }

  #pauseFor(pauseMs: number): void {
    if (pauseMs > LONGEST_PAUSE_MS) this.#stop.stop("retry-after");
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#session.deps.clock.now() + pauseMs);
  }
}
