/** One node: a dispatcher with its loops, on its own clock. It may be paused, killed, stopped, and cut off from the database. */
import type { MaySend } from "../../../../src/delivery/deliverer.js";
import { Dispatcher } from "../../../../src/dispatcher/dispatcher.js";
import type { Attempt, DeliveryResult } from "../../../../src/domain/attempt.js";
import type { RetryPolicy } from "../../../../src/domain/retry-policy.js";
import { silentLogger } from "../../../../src/platform/logger.js";
import type { Random } from "../../../../src/platform/random.js";
import type { Store } from "../../../../src/store/open-store.js";
import { VirtualClock } from "../../time/virtual-clock.js";
import type { Answer } from "../simulation.js";
import type { NodeSent, NodesModel } from "./nodes-model.js";

/** A call of the store that waits for its turn. */
export interface StoreCall {
  readonly node: VirtualNode;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly work: () => Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface NodeWorld {
  readonly model: NodesModel;
  readonly policy: RetryPolicy;
  readonly random: Random;
  /** Time passes for all by it, whatever their clocks say. */
  readonly elapsedMs: number;
  answer(callbackId: string): Answer & { readonly connectMs: number };
}

/** It counts what happens, so that one can see whether anything still does. */
class NodeClock extends VirtualClock {
  turns = 0;

  override nextTurn(): Promise<void> {
    this.turns += 1;
    return super.nextTurn();
  }
}

export class VirtualNode {
  readonly clock: NodeClock;
  readonly dispatcher: Dispatcher;
  readonly waiting: StoreCall[] = [];
  /** What the database has answered while the node is paused. */
  readonly answered: (() => void)[] = [];
  /** How many calls of the store it has made. */
  storeCalls = 0;
  /** It is paused until this instant of the world. */
  pausedUntil = 0;
  isDead = false;
  isStopping = false;
  readonly cut = { until: 0, isAll: false, isExecuted: false };
  #wasPaused = false;
  #caughtUpAt: number;
  /** The time in which it was paused, in all. */
  #stoppedMs = 0;
  readonly #world: NodeWorld;
  readonly #startedAt: number;
  readonly #sentByResult = new Map<DeliveryResult, NodeSent>();

  /** Its wall clock starts at `now`. */
  constructor(world: NodeWorld, watched: (node: VirtualNode) => Store, now: number) {
    this.#world = world;
    this.#startedAt = world.elapsedMs;
    this.#caughtUpAt = world.elapsedMs;
    this.clock = new NodeClock(now);
    this.dispatcher = new Dispatcher({
      store: watched(this),
      clock: this.clock,
      random: world.random,
      logger: silentLogger,
      policy: world.policy,
      limits: { gatherMs: 0 },
      prepare: (callback, { id }) => ({ bodyBytes: 1_000, send: (maySend) => this.#send(callback.id, id, maySend) }),
      onAttempt: (_, attempt) => this.#settled(attempt),
      wakeOutboxes: () => undefined,
      onCallbackDeleted: () => undefined,
    });
    this.dispatcher.start();
  }

  get isPaused(): boolean {
    return this.#world.elapsedMs < this.pausedUntil;
  }

  /** Whether its requests reach the database, and their answers come back. */
  isCutFrom(method: string): boolean {
    return this.#world.elapsedMs < this.cut.until && (this.cut.isAll || method.startsWith("nodes."));
  }

  /** Since then nothing has kept it from renewing its lease. */
  get ableSince(): number {
    return this.isDead ? Number.POSITIVE_INFINITY : Math.max(this.#startedAt, this.pausedUntil, this.cut.until);
  }

  pause(ms: number): void {
    this.#wasPaused = true;
    this.pausedUntil = Math.max(this.pausedUntil, this.#world.elapsedMs + ms);
  }

  /** Its time goes on. What has passed while it was paused comes at once. */
  catchUp(): void {
    const { elapsedMs } = this.#world;
    const ms = elapsedMs - this.#caughtUpAt;
    if (this.#wasPaused) this.#stoppedMs += ms;
    this.#wasPaused = false;
    this.#caughtUpAt = elapsedMs;
    for (const deliver of this.answered.splice(0)) deliver();
    this.clock.advance(ms);
  }

  async #send(callbackId: string, callId: string, maySend: MaySend): Promise<DeliveryResult | null> {
    const { model } = this.#world;
    const stoppedBefore = this.#stoppedMs;
    const beganAt = this.#world.elapsedMs;
    const { result, afterMs = 0, connectMs } = this.#world.answer(callbackId);
    if (connectMs > 0) await this.clock.sleepFor(connectMs);
    if (!(await maySend(this.#stoppedMs - stoppedBefore))) return null;
    const sent = model.sending(this, callbackId, callId, { beganAt, at: this.#world.elapsedMs });
    if (afterMs > 0) await this.clock.sleepFor(afterMs);
    sent.isAccepted = result.kind === "answered" && result.statusCode === 200;
    const own = { ...result };
    this.#sentByResult.set(own, sent);
    return own;
  }

  #settled(attempt: Attempt): void {
    const sent = this.#sentByResult.get(attempt.result);
    if (sent) this.#world.model.settled(sent, attempt);
  }
}
