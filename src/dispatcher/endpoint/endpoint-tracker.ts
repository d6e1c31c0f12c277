/** Changes are committed with their cause. */
import type { Call } from "../../domain/call.js";
import type { Callback } from "../../domain/callback.js";
import {
  type Endpoint,
  endpointAfterDrain,
  endpointAfterFailure,
  endpointAfterRepair,
  endpointAfterReplayRequest,
  endpointAfterSuccess,
  endpointAtRound,
  endpointByClock,
  endpointTakenOver,
  nextProbeAt,
} from "../../domain/endpoint.js";
import {
  type OpenOutage,
  type OutageProgress,
  outageAfterFirstFailure,
  outageAfterHolding,
  outageAfterSuccess,
  outageByClock,
  outageClosesAt,
  outageWithoutHoldings,
} from "../../domain/outage.js";
import type { RetryPolicy } from "../../domain/retry-policy.js";
import { composeOutageMail } from "../../notifier/outage-mail.js";
import type { Clock } from "../../platform/clock.js";
import type { Random } from "../../platform/random.js";
import { timeOrderedId } from "../../platform/random.js";
import type { EndpointRecord } from "../../store/dispatch-store.js";
import type { OutcomeLog } from "../outcome-log.js";
import type { SentAttempt } from "./send-call.js";

export interface TrackerDeps {
  readonly log: OutcomeLog;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxInFlight: number;
}

export class EndpointTracker {
  readonly fence: number;
  readonly #deps: TrackerDeps;
  #callback: Callback;
  #endpoint: Endpoint;
  #outage: OpenOutage | null;
  #markedOutage: OpenOutage | null;
  #savedMarkedOutage: OpenOutage | null;
  /** Its calls may all be settled. */
  #mayBeOver: boolean;

  constructor(record: EndpointRecord, deps: TrackerDeps) {
    this.fence = record.fence;
    this.#deps = deps;
    this.#callback = record.callback;
    this.#endpoint = endpointTakenOver(record.endpoint, deps.clock.now(), deps.policy);
    this.#outage = record.outage;
    this.#markedOutage = record.markedOutage ?? null;
    this.#savedMarkedOutage = this.#markedOutage;
    this.#mayBeOver = record.outage !== null;
    this.#noticeRepair(record.endpoint.roundBeganAt ?? 0, record.endpoint.roundBeganAt ?? 0);
  }

  get callback(): Callback {
    return this.#callback;
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** State and outage stay the tracker's. */
  useSettings(callback: Callback): void {
    const { repairedAt, replayRequestedAt } = this.#callback;
    this.#callback = callback;
    this.#mayBeOver = this.#outage !== null;
    this.#noticeRepair(repairedAt, replayRequestedAt);
  }

  /** Down, with retries on: new responses wait for a probe, or are held. */
  get isProbed(): boolean {
    return this.#endpoint.state === "down" && this.#callback.retriesEnabled;
  }

  get probeAt(): number | null {
    return nextProbeAt(this.#endpoint, this.#callback.replayProbeAt);
  }

  hasOutageAt(at: number): boolean {
    const closesAt = this.outageClosesAt();
    return closesAt !== null && at < closesAt;
  }

  /** `hadFailed`: its outage may be over. */
  succeeded(at: number, hadFailed = false): void {
    this.closeOutageIfOver(at);
    this.#markedOutage = null;
    this.#mayBeOver ||= hadFailed && this.#outage !== null;
    this.#change(endpointAfterSuccess(this.#endpoint, at, this.#deps.maxInFlight), outageAfterSuccess(this.#outage, at));
  }

  /** `call`: before the attempt. */
  failed(call: Call, sent: SentAttempt): void {
    const { policy, random } = this.#deps;
    const { attempt } = sent;
    const at = attempt.startedAt + attempt.durationMs;
    this.closeOutageIfOver(at);
    const outage = this.#isFirstFailure(call) ? this.#firstFailure(call, sent) : this.#outage;
    const failure = { beganAt: attempt.startedAt, at, cause: attempt.cause, callSeq: call.seq };
    this.#change(endpointAfterFailure(this.#endpoint, failure, policy, random.fraction()), outage);
  }

  /** The endpoint is down, and an outage open. */
  hold(call: Call, at: number): void {
    const { log, random } = this.#deps;
    const downSince = this.#endpoint.downSince ?? at;
    log.addHolding(
      { callbackId: this.#callback.id, callId: call.id, callSeq: call.seq, at, downSince, random: random.fraction() },
      this.fence,
    );
    this.#change(this.#endpoint, this.#outage && outageAfterHolding(this.#outage));
  }

  beginRound(at: number): void {
    this.#change(endpointAtRound(this.#endpoint, at, this.#deps.policy, this.#deps.random.fraction()), this.#outage);
  }

  drained(at: number): void {
    this.#change(endpointAfterDrain(this.#endpoint), this.#outage);
    // Calls were held until now: a quiet outage closes now.
    const closesAt = this.outageClosesAt();
    if (closesAt !== null && closesAt <= at) this.#closeOutage(at);
  }

  /** The clock has been set back. */
  clampToClock(now: number): void {
    this.#change(endpointByClock(this.#endpoint, now, this.#deps.policy), outageByClock(this.#outage, now));
  }

  closeOutageIfOver(at: number): void {
    const closesAt = this.outageClosesAt();
    if (closesAt !== null && closesAt <= at) this.#closeOutage(closesAt);
  }

  outageClosesAt(): number | null {
    return this.#outage && outageClosesAt(this.#outage, this.#endpoint.state, this.#deps.policy);
  }

  /** Changes after these instants (exclusive) count. */
  #noticeRepair(repairedUntil: number, replayRequestedUntil: number): void {
    const { repairedAt, replayRequestedAt } = this.#callback;
    if (repairedAt > repairedUntil) this.#change(endpointAfterRepair(this.#endpoint, repairedAt), this.#outage);
    if (replayRequestedAt > replayRequestedUntil)
      this.#change(endpointAfterReplayRequest(this.#endpoint, replayRequestedAt), this.#outage);
  }

  get hasUncommitted(): boolean {
    return this.#deps.log.hasUncommitted(this.#callback.id);
  }

  /** null while an outcome is uncommitted. */
  get outageToCheck(): OpenOutage | null {
    return this.#mayBeOver && !this.hasUncommitted ? this.#outage : null;
  }

  /** Closes it if none of its calls is FAILED. */
  outageChecked(checked: OpenOutage, { hasFailed, hasDelivered }: OutageProgress, at: number): void {
    if (this.#outage !== checked || this.hasUncommitted) return;
    this.#mayBeOver = false;
    if (hasFailed) return;
    // After marks it may still fail: the same outage reopens.
    this.#markedOutage = checked.quietSince === null && !hasDelivered ? checked : null;
    this.#closeOutage(at);
  }

  groupCommitted(skippedHoldings: number): void {
    this.#change(this.#endpoint, outageWithoutHoldings(this.#outage, skippedHoldings));
  }

  #closeOutage(endedAt: number): void {
    if (this.#outage === null) return;
    this.#deps.log.closeOutage({ ...this.#outage, callbackId: this.#callback.id, endedAt }, this.fence);
    this.#change(this.#endpoint, null);
  }

  /** Also of a held call that is PENDING again, because retries were switched off while it was in flight. */
  #isFirstFailure({ firstFailedAt, sentAt }: Call): boolean {
    return firstFailedAt === null || (sentAt === null && !this.#callback.retriesEnabled);
  }

  #firstFailure(call: Call, sent: SentAttempt): OpenOutage {
    const { policy, random } = this.#deps;
    const at = sent.attempt.startedAt;
    const newId = () => timeOrderedId(at, random);
    const { outage, isNew } = outageAfterFirstFailure(this.#outage, at, newId, this.#markedOutage, policy);
    this.#markedOutage = null;
    if (isNew) this.#queueMail(outage, call, sent);
    return outage;
  }

  #queueMail(outage: OpenOutage, call: Call, { attempt: { result }, sentTo: { url, auth } }: SentAttempt): void {
    const { log, policy } = this.#deps;
    const callback = this.#callback;
    const mail = composeOutageMail({ callback: { ...callback, url, auth }, startedAt: outage.startedAt, result, call, policy });
    const queued = { outageId: outage.id, callbackId: callback.id, to: callback.email, ...mail, createdAt: outage.startedAt };
    log.queueMail(queued, this.fence);
  }

  #change(endpoint: Endpoint, outage: OpenOutage | null): void {
    const isSame = endpoint === this.#endpoint && outage === this.#outage && this.#markedOutage === this.#savedMarkedOutage;
    if (isSame) return;
    this.#savedMarkedOutage = this.#markedOutage;
    this.#endpoint = endpoint;
    this.#outage = outage;
    const change = { callbackId: this.#callback.id, endpoint, outage, markedOutage: this.#markedOutage };
    this.#deps.log.changeEndpoint(change, this.fence);
  }
}
