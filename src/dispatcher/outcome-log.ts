import type { Mail } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { AttemptOutcome, ClosedOutage, EndpointChange, Holding, OutcomeGroup } from "../store/store.js";

/** A failed group is offered again, first. */
export class OutcomeLog {
  readonly #policy: RetryPolicy;
  #gathering = emptyGroup();
  #committing: Gathered | null = null;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  get size(): number {
    return sizeOf(this.#gathering) + (this.#committing ? sizeOf(this.#committing) : 0);
  }

  get isEmpty(): boolean {
    return this.#committing === null && !this.#gathering.isTouched;
  }

  addAttempt(outcome: AttemptOutcome): void {
    const gathering = this.#touched();
    gathering.attempts.push(outcome);
    gathering.callbackIds.add(outcome.callbackId);
  }

  addHolding(holding: Holding): void {
    const gathering = this.#touched();
    gathering.holdings.push(holding);
    gathering.callbackIds.add(holding.callbackId);
  }

  /** The last change counts. */
  changeEndpoint(change: EndpointChange): void {
    const gathering = this.#touched();
    gathering.endpoints.set(change.callbackId, change);
    gathering.callbackIds.add(change.callbackId);
  }

  closeOutage(outage: ClosedOutage): void {
    this.#touched().closedOutages.push(outage);
  }

  queueMail(mail: Omit<Mail, "tries">): void {
    this.#touched().mails.push(mail);
  }

  hasUncommitted(callbackId: string): boolean {
    return this.#gathering.callbackIds.has(callbackId) || (this.#committing?.callbackIds.has(callbackId) ?? false);
  }

  next(): OutcomeGroup | null {
    if (this.#committing === null) {
      if (!this.#gathering.isTouched) return null;
      this.#committing = this.#gathering;
      this.#gathering = emptyGroup();
    }
    const { attempts, holdings, endpoints, closedOutages, mails } = this.#committing;
    return { attempts, holdings, endpoints: [...endpoints.values()], closedOutages, mails, policy: this.#policy };
  }

  committed(): void {
    this.#committing = null;
  }

  #touched(): Gathered {
    this.#gathering.isTouched = true;
    return this.#gathering;
  }
}

interface Gathered {
  isTouched: boolean;
  /** Of attempts, holdings and endpoints. */
  readonly callbackIds: Set<string>;
  readonly attempts: AttemptOutcome[];
  readonly holdings: Holding[];
  readonly endpoints: Map<string, EndpointChange>;
  readonly closedOutages: ClosedOutage[];
  readonly mails: Omit<Mail, "tries">[];
}

function emptyGroup(): Gathered {
  return {
    isTouched: false,
    callbackIds: new Set(),
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
