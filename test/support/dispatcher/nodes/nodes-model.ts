/**
 * What must hold of nodes that share a database, from what the wire saw and the database was asked: docs/dispatcher.md, Ownership. Kept
 * apart from the product's code. All times are those of the world, in ms since its beginning.
 */
import type { Attempt } from "../../../../src/domain/attempt.js";
import type { RetryPolicy } from "../../../../src/domain/retry-policy.js";
import type { OutcomeGroup } from "../../../../src/store/outcomes/commit-outcomes.js";
import type { VirtualNode } from "./virtual-node.js";

export interface NodeSent {
  /** When its connection was asked for, and when its request was written. */
  readonly beganAt: number;
  readonly at: number;
  readonly lease: Lease;
  readonly fence: number;
  /** It is set once the dispatcher knows the answer. */
  attempt: Attempt | null;
  isAccepted: boolean;
  /** A commit under the current fence has recorded it. */
  isRecorded: boolean;
}

interface Lease {
  readonly node: VirtualNode;
  /** When the database last renewed it. */
  renewedAt: number;
  isLiving: boolean;
}

export interface SharedCall {
  readonly id: string;
  readonly sent: NodeSent[];
  /** Since then it is SUCCESS, by a mark or a recorded attempt. */
  settledAt: number | null;
  isMarkedFailed: boolean;
  wasMarked: boolean;
  /** Something that lifts the pace of its attempts happened at that time: a replay, a change or the end of a pause. */
  liftedAt: number;
}

export interface SharedCallback {
  readonly id: string;
  readonly calls: Map<string, SharedCall>;
  owner: Lease | null;
  fence: number;
  pausedAt: number | null;
}

const TRUST_MS = 12_000;
/** A node that nothing hinders renews well within this time. */
const RENEWED_WITHIN_MS = 10_000;
/** Rule 6. */
const LATEST_AFTER_CHANGE_MS = 1_000;
/** The wall clocks of nodes, by which they compare when attempts began, are so far apart at most. */
export const CLOCKS_APART_MS = 100;

export class NodesModel {
  readonly callbacks = new Map<string, SharedCallback>();
  readonly violations: string[] = [];
  /** Stored instants can't be compared after the database's clock was set. */
  isJumpy = false;
  repeats = 0;
  takeOvers = 0;
  readonly #policy: RetryPolicy;
  readonly #leases = new Map<string, Lease>();
  readonly #latest = new Map<VirtualNode, Lease>();
  readonly #sentByAttempt = new WeakMap<Attempt, NodeSent>();

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  add(id: string): SharedCallback {
    const callback = { id, calls: new Map(), owner: null, fence: 0, pausedAt: null };
    this.callbacks.set(id, callback);
    return callback;
  }

  accepted(callback: SharedCallback, ids: readonly string[]): void {
    for (const id of ids) {
      const state = { settledAt: null, isMarkedFailed: false, wasMarked: false, liftedAt: Number.NEGATIVE_INFINITY };
      callback.calls.set(id, { id, sent: [], ...state });
    }
  }

  marked(call: SharedCall, status: "SUCCESS" | "FAILED", at: number): void {
    call.wasMarked = true;
    call.isMarkedFailed = status === "FAILED";
    call.settledAt = status === "SUCCESS" ? (call.settledAt ?? at) : null;
  }

  replayed(call: SharedCall, at: number): void {
    if (call.settledAt !== null) return;
    call.isMarkedFailed = false;
    call.liftedAt = at;
  }

  paceLifted(callback: SharedCallback, at: number): void {
    for (const call of callback.calls.values()) call.liftedAt = at;
  }

  leaseStarted(id: string, node: VirtualNode, at: number): void {
    const lease = { node, renewedAt: at, isLiving: true };
    this.#leases.set(id, lease);
    this.#latest.set(node, lease);
  }

  leaseRenewed(id: string, at: number): void {
    const lease = this.#leases.get(id);
    if (lease) lease.renewedAt = at;
  }

  /** These are all that the database still has. */
  leasesLeft(ids: ReadonlySet<string>, at: number): void {
    for (const [id, lease] of this.#leases) {
      if (!lease.isLiving || ids.has(id)) continue;
      lease.isLiving = false;
      const { node } = lease;
      if (node.isStopping) continue;
      const unrenewedMs = at - lease.renewedAt;
      this.#require(unrenewedMs >= TRUST_MS, `I7 a lease was ended ${unrenewedMs} ms after its renewal`);
      // It has begun a new one if it never heard of this one.
      if (lease !== this.#latest.get(node)) continue;
      const ableMs = at - node.ableSince;
      this.#require(ableMs <= RENEWED_WITHIN_MS, `the lease of a node that could renew it for ${ableMs} ms was ended`);
    }
  }

  taken(leaseId: string, fences: ReadonlyMap<string, number>): void {
    for (const [id, fence] of fences) {
      const callback = this.callbacks.get(id);
      if (callback === undefined) continue;
      this.#require(!callback.owner?.isLiving, `I7 ${id} was taken from a living owner`);
      this.#require(fence > callback.fence, `I7 ${id} was taken with the fence ${fence} after ${callback.fence}`);
      if (callback.owner !== null) this.takeOvers += 1;
      Object.assign(callback, { owner: this.#leases.get(leaseId) ?? null, fence });
    }
  }

  released(leaseId: string, callbackIds: readonly string[]): void {
    for (const id of callbackIds) {
      const callback = this.callbacks.get(id);
      if (callback === undefined || callback.owner !== this.#leases.get(leaseId)) continue;
      const left = [...callback.calls.values()].filter(({ sent }) => sent.some(isOpen));
      for (const call of left) this.#require(false, `${call.id} was in flight as its callback was given back`);
      callback.owner = null;
    }
  }

  sending(node: VirtualNode, callbackId: string, callId: string, { beganAt, at }: Pick<NodeSent, "beganAt" | "at">): NodeSent {
    const callback = this.callbacks.get(callbackId);
    const call = callback?.calls.get(callId);
    if (!callback || !call) throw new Error(`nobody has accepted ${callId}`);
    const lease = callback.owner ?? { node, renewedAt: Number.NEGATIVE_INFINITY, isLiving: false };
    this.#require(lease.node === node && lease.isLiving, `I7 ${callId} was sent under a lease that had ended`);
    this.#require(
      at < lease.renewedAt + TRUST_MS,
      `I7 ${callId} was sent ${at - lease.renewedAt} ms after its lease was renewed`,
    );
    const { settledAt, sent, liftedAt } = call;
    const isLate = settledAt !== null && at > settledAt + LATEST_AFTER_CHANGE_MS;
    this.#require(!isLate, `I2 ${callId} was sent ${at - (settledAt ?? 0)} ms after it was SUCCESS`);
    const { pausedAt } = callback;
    this.#require(pausedAt === null || at <= pausedAt + LATEST_AFTER_CHANGE_MS, `I15 ${callId} was sent in a pause`);
    this.#require(!sent.some(isOpen), `${callId} was sent twice`);
    if (sent.some(({ isRecorded }) => !isRecorded)) this.repeats += 1;
    const last = sent.findLast(({ isRecorded }) => isRecorded);
    const pausedMs = beganAt - (last?.beganAt ?? Number.NEGATIVE_INFINITY);
    const isPaced = pausedMs >= 0.8 * this.#policy.intervalMs - CLOCKS_APART_MS || (last?.beganAt ?? 0) < liftedAt;
    this.#require(this.isJumpy || isPaced, `I11 ${callId} was sent again after ${pausedMs} ms`);
    const now = { beganAt, at, lease, fence: callback.fence, attempt: null, isAccepted: false, isRecorded: false };
    sent.push(now);
    return now;
  }

  settled(sent: NodeSent, attempt: Attempt): void {
    sent.attempt = attempt;
    this.#sentByAttempt.set(attempt, sent);
  }

  /** The database has executed it: a callback that has another fence by now must have left no trace. */
  committed({ attempts, fences }: OutcomeGroup, at: number): void {
    for (const { callbackId, callId, attempt } of attempts) {
      const callback = this.callbacks.get(callbackId);
      const call = callback?.calls.get(callId);
      const sent = this.#sentByAttempt.get(attempt);
      if (!call || !sent || callback?.fence !== fences.get(callbackId)) continue;
      sent.isRecorded = true;
      if (sent.isAccepted) call.settledAt ??= at;
    }
  }

  #require(holds: boolean, otherwise: string): void {
    if (!holds) this.violations.push(otherwise);
  }
}

/** Its node may still record what becomes of it. */
function isOpen({ isRecorded, lease }: NodeSent): boolean {
  return !isRecorded && lease.isLiving;
}
