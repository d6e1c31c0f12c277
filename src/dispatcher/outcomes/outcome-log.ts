import type { NewMail } from "../../domain/outage.js";
import type { RetryPolicy } from "../../domain/retry-policy.js";
import type { Clock } from "../../platform/clock.js";
import type { AttemptOutcome, Holding, OutcomeGroup } from "../../store/outcomes/commit-outcomes.js";
import type { EndpointChange } from "../../store/outcomes/endpoints.js";
import type { ClosedOutage } from "../../store/outcomes/outages.js";

/**
 * Gathers outcomes in groups to be committed. A group that failed is offered again, first. In a group, all outcomes of a callback
 * have one fence.
 */
export class OutcomeLog {
  readonly #policy: RetryPolicy;
  readonly #notices: () => OutcomeGroup["notices"];
  #gathering = emptyGroup();
  /** Groups that were closed because a callback has another fence since. */
  readonly #closed: Gathered[] = [];
  #committing: Gathered | null = null;

  constructor(policy: RetryPolicy, notices: () => OutcomeGroup["notices"] = () => undefined) {
    this.#policy = policy;
    this.#notices = notices;
  }

  get size(): number {
    return this.#all.reduce((sum, group) => sum + sizeOf(group), 0);
  }

  get isEmpty(): boolean {
    return this.#committing === null && this.#closed.length === 0 && this.#gathering.fences.size === 0;
  }

  addAttempt(outcome: AttemptOutcome, fence: number): void {
    this.#groupOf(outcome.callbackId, fence).attempts.push(outcome);
  }

  addHolding(holding: Holding, fence: number): void {
    this.#groupOf(holding.callbackId, fence).holdings.push(holding);
  }

  /** Only the last change of an endpoint counts. */
  changeEndpoint(change: EndpointChange, fence: number): void {
    this.#groupOf(change.callbackId, fence).endpoints.set(change.callbackId, change);
  }

  closeOutage(outage: ClosedOutage, fence: number): void {
    this.#groupOf(outage.callbackId, fence).closedOutages.push(outage);
  }

  queueMail(mail: NewMail, fence: number): void {
    this.#groupOf(mail.callbackId, fence).mails.push(mail);
  }

  hasUncommitted(callbackId: string): boolean {
    return this.#all.some(({ fences }) => fences.has(callbackId));
  }

  nextGroup(): OutcomeGroup | null {
    const isRepeated = this.#committing !== null;
    if (this.#committing === null) {
      if (this.isEmpty) return null;
      if (this.#closed.length === 0) this.#close();
      this.#committing = this.#closed.shift() ?? null;
    }
    if (this.#committing === null) return null;
    const { endpoints, ...group } = this.#committing;
    const notices = this.#notices();
    return { ...group, endpoints: [...endpoints.values()], policy: this.#policy, isRepeated, ...(notices && { notices }) };
  }

  dropCommitted(): void {
    this.#committing = null;
  }

  get #all(): readonly Gathered[] {
    const committing = this.#committing ? [this.#committing] : [];
    return [...committing, ...this.#closed, this.#gathering];
  }

  #groupOf(callbackId: string, fence: number): Gathered {
    if ((this.#gathering.fences.get(callbackId) ?? fence) !== fence) this.#close();
    this.#gathering.fences.set(callbackId, fence);
    return this.#gathering;
  }

  #close(): void {
    this.#closed.push(this.#gathering);
    this.#gathering = emptyGroup();
  }
}

interface Gathered {
  /** Every callback with an outcome has its fence here. */
  readonly fences: Map<string, number>;
  readonly attempts: AttemptOutcome[];
  readonly holdings: Holding[];
  readonly endpoints: Map<string, EndpointChange>;
  readonly closedOutages: ClosedOutage[];
  readonly mails: NewMail[];
}

function emptyGroup(): Gathered {
  return {
    fences: new Map(),
    attempts: [],
    holdings: [],
    endpoints: new Map(),
    closedOutages: [],
    mails: [],
  };
}

function sizeOf(group: Gathered): number {
  return group.attempts.length + group.holdings.length;
}

export interface CommitTimingDeps {
  readonly clock: Clock;
  readonly log: OutcomeLog;
  /** Outcomes within this time share a commit; 0 means one turn of the event loop. */
  readonly gatherMs: number;
  /** While this many outcomes are uncommitted, nothing more is sent, because a crash may lose one group. */
  readonly groupSize: number;
}

/** Knows when what the log has gathered is to be committed. */
export class CommitTiming {
  readonly #deps: CommitTimingDeps;
  #pause = new AbortController();
  /** The monotonic instant at which what gathers is due; it is null while nothing gathers. */
  #dueAt: number | null = null;
  #hasNewResponses = false;
  #isWaiting = false;

  constructor(deps: CommitTimingDeps) {
    this.#deps = deps;
  }

  get isFull(): boolean {
    return this.#deps.log.size >= this.#deps.groupSize;
  }

  noteOutcome(): void {
    if (this.isFull) this.#pause.abort("awake");
  }

  noteResponses(): void {
    this.#hasNewResponses = true;
    this.#pause.abort("awake");
  }

  /** A transaction begins in which there is room for what has gathered. */
  noteCommit(): void {
    if (!this.#isWaiting) return;
    this.#dueAt = 0;
    this.#pause.abort("awake");
  }

  /** Responses that come from now on are new. */
  noteRead(): void {
    this.#hasNewResponses = false;
  }

  /** Waits while outcomes gather. Resolves to false if new responses came first. */
  async waitForOutcomes(): Promise<boolean> {
    const { clock, log, gatherMs } = this.#deps;
    this.#dueAt ??= clock.monotonicMs() + gatherMs;
    const leftMs = this.#dueAt - clock.monotonicMs();
    if (log.size > 0 && !this.isFull && leftMs > 0) {
      if (!this.#hasNewResponses) {
        this.#pause = new AbortController();
        this.#isWaiting = true;
        await clock.sleepUntil(clock.now() + leftMs, this.#pause.signal);
        this.#isWaiting = false;
      }
      if (this.#hasNewResponses && !this.isFull && clock.monotonicMs() < this.#dueAt) return false;
    }
    this.#dueAt = null;
    return true;
  }
}
