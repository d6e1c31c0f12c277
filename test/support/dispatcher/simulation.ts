/** A dispatcher on a real store, with only the clock, randomness and the wire faked. */
import { setImmediate as turn } from "node:timers/promises";
import type { MaySend } from "../../../src/delivery/deliverer.js";
import { OwnShortage } from "../../../src/delivery/delivery-failure.js";
import { Dispatcher } from "../../../src/dispatcher/dispatcher.js";
import type { DispatchLimits } from "../../../src/dispatcher/dispatcher-deps.js";
import type { Attempt, DeliveryResult } from "../../../src/domain/attempt.js";
import type { Call, MarkedBy } from "../../../src/domain/call.js";
import type { Callback, CallbackSettings, Pause, ReplaySelection } from "../../../src/domain/callback.js";
import type { RetryPolicy } from "../../../src/domain/retry-policy.js";
import { systemClock } from "../../../src/platform/clock.js";
import { silentLogger } from "../../../src/platform/logger.js";
import type { Random } from "../../../src/platform/random.js";
import { shortId, timeOrderedId } from "../../../src/platform/random.js";
import { openStore, type Store } from "../../../src/store/open-store.js";
import type { QueuedNotices } from "../../../src/store/outcomes/notices.js";
import { deliveryBody } from "../../../src/wire/delivery-request.js";
import { ACCEPTED, aResponse, REFUSED_503, someSettings } from "../builders.js";
import { seededRandom } from "../time/seeded-random.js";
import { VirtualClock } from "../time/virtual-clock.js";

/** What an endpoint does with a request, and after how long. */
export interface Answer {
  readonly result: DeliveryResult;
  readonly afterMs?: number;
}

/** A request as the wire saw it. */
export interface Sent {
  readonly at: number;
  readonly callbackId: string;
  readonly callId: string;
  readonly url: string;
  /** It is set when the answer comes, so never if the process died first. */
  endedAt: number | null;
  accepted: boolean | null;
}

/** Wraps the store so that `around` gets every call of the dispatcher's, by a name such as "outcomes.commit". */
export function watchStore(
  store: Store,
  around: (method: string, args: readonly unknown[], work: () => Promise<unknown>) => Promise<unknown>,
): Store {
  const watch = <Part extends object>(part: Part, path: string): Part =>
    new Proxy(part, {
      get(target, name, receiver) {
        const member: unknown = Reflect.get(target, name, receiver);
        if (typeof member === "function")
          return (...args: unknown[]) => around(`${path}${String(name)}`, args, async () => Reflect.apply(member, target, args));
        return typeof member === "object" && member !== null ? watch(member, `${String(name)}.`) : member;
      },
    });
  return watch(store, "");
}

/** Sees each request as it leaves, and each attempt in the moment in which the dispatcher takes note of its outcome. */
export interface Watcher {
  sending(sent: Sent, call: Call, callback: Callback): void;
  settled(sent: Sent, attempt: Attempt): void;
}

/** What a store that fails throws here: the dispatcher's loop would wait and continue. */
export class StoreFailure extends Error {}

/** Thrown by a store at whose write the process dies. */
export class ProcessDied extends Error {}

export type Endpoint = (request: { readonly callback: Callback; readonly call: Call; readonly at: number }) => Answer;

export const down: Endpoint = () => ({ result: REFUSED_503 });
export const up: Endpoint = () => ({ result: ACCEPTED });

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const NO_JITTER: RetryPolicy = { intervalMs: 5 * MINUTE, windowMs: DAY, jitter: false };

export interface SimulationOptions {
  readonly seed?: number;
  readonly policy?: RetryPolicy;
  readonly limits?: Partial<DispatchLimits>;
  readonly url?: string;
  /** An open store. A new one is opened at `url` if none is given. */
  readonly store?: Store;
  /** These receivers are told of outages. */
  readonly notices?: Omit<QueuedNotices, "at">;
  /** Wraps the store that the dispatcher is given, to crash it. */
  readonly dispatcherStore?: (store: Store) => Store;
}

export class Simulation {
  readonly clock: VirtualClock;
  readonly sent: Sent[] = [];
  readonly random: Random;
  readonly policy: RetryPolicy;
  readonly store: Store;
  dispatcher: Dispatcher;
  endpoint: Endpoint = up;
  /**
   * Is called before a request leaves. Returns null if it leaves at once, or resolves to the time for which the process was
   * stopped.
   */
  connect: () => Promise<number> | null = () => null;
  /** While it is set, nothing can be sent, as without the egress proxy. It shows after this time. */
  shortage: { readonly afterMs: number } | null = null;
  watcher: Watcher | undefined;
  inFlight = new Map<string, number>();
  mostInFlight = new Map<string, number>();
  readonly #options: SimulationOptions;
  readonly #sentByResult = new Map<DeliveryResult, Sent>();
  #crashes = 0;
  #replays = 0;
  #reports = 0;

  private constructor(store: Store, options: SimulationOptions, clock = new VirtualClock()) {
    this.clock = clock;
    this.#options = options;
    this.store = store;
    this.policy = options.policy ?? NO_JITTER;
    this.random = seededRandom(options.seed ?? 1);
    this.dispatcher = this.#newDispatcher();
  }

  static async open(options: SimulationOptions = {}): Promise<Simulation> {
    const { url = ":memory:" } = options;
    const store = options.store ?? (await openStore({ url, clock: systemClock, secretKey: new Uint8Array(32) }));
    return new Simulation(store, options);
  }

  /** Starts another process on the store of one that is gone. */
  static over({ store, clock }: Simulation, options: SimulationOptions = {}): Simulation {
    return new Simulation(store, options, clock);
  }

  callback(over: Partial<CallbackSettings> = {}): Promise<Callback> {
    const settings = someSettings({ retriesEnabled: true, ...over });
    return this.store.callbacks.create(shortId(this.random), settings, this.clock.now());
  }

  /** Accepts `count` responses and notifies the dispatcher; returns their ids, oldest first. */
  async accept(callback: Callback, count = 1, response = aResponse()): Promise<string[]> {
    const now = this.clock.now();
    const calls = Array.from({ length: count }, () => ({ id: timeOrderedId(now, this.random), response }));
    await this.store.calls.accept([{ callbackId: callback.id, calls }], now);
    this.dispatcher.accepted(callback.id);
    return calls.map(({ id }) => id);
  }

  async update(callback: Callback, over: Partial<CallbackSettings>): Promise<Callback> {
    const updated = await this.store.callbacks.update(callback.id, { ...callback, ...over }, this.clock.now(), this.policy);
    this.dispatcher.changed(callback.id);
    return updated;
  }

  /** Pauses the callback for `ms`, or until it is resumed (null). */
  pause(callback: Callback, ms: number | null): Promise<void> {
    const at = this.clock.now();
    return this.#setPause(callback, { at, until: ms === null ? null : at + ms, by: "ada" });
  }

  resume(callback: Callback): Promise<void> {
    return this.#setPause(callback, null);
  }

  async #setPause(callback: Callback, pause: Pause | null): Promise<void> {
    await this.store.callbacks.setPause(callback.id, pause);
    this.dispatcher.changed(callback.id);
  }

  async mark(callback: Callback, ids: readonly string[], status: "SUCCESS" | "FAILED", settledBy?: MarkedBy): Promise<void> {
    await this.store.calls.mark(callback.id, ids, status, this.clock.now(), { ...(settledBy && { settledBy }) });
    this.dispatcher.changed(callback.id);
  }

  async replay(callback: Callback, selection: ReplaySelection): Promise<void> {
    this.#replays += 1;
    await this.store.replays.request(callback.id, { id: `R${this.#replays}`, by: null, selection }, this.clock.now());
    this.dispatcher.changed(callback.id);
  }

  /** Reports a client's attempts. */
  async report(callback: Callback, callIds: readonly string[], startedAt: number, result: DeliveryResult): Promise<void> {
    this.#reports += 1;
    // Two that are the same are one.
    const attempt = { startedAt, durationMs: this.#reports, cause: "replay", sentFrom: "a laptop", result } as const;
    const replays = callIds.map((callId) => ({ callId, attempt }));
    await this.store.calls.recordReplays(callback.id, replays, this.clock.now());
  }

  /** Cancels all replays of the callback. */
  async cancelReplays(callback: Callback): Promise<void> {
    const begunCalls = () => this.dispatcher.begunCalls(callback.id);
    for (let index = 1; index <= this.#replays; index++) {
      const replayId = `R${index}`;
      if ((await this.store.replays.find(callback.id, replayId)) === null) continue;
      await this.store.replays.cancelChunk(callback.id, {
        ...{ replayId, now: this.clock.now(), policy: this.policy, random: 0.5 },
        begunCalls,
      });
    }
    this.dispatcher.changed(callback.id);
  }

  async remove(callback: Callback): Promise<void> {
    await this.store.callbacks.delete(callback.id, this.clock.now());
    this.dispatcher.changed(callback.id);
  }

  /** Lets time run until `end` (epoch ms); returns when the last thing happened. */
  async runUntil(end: number): Promise<number> {
    let last = this.clock.now();
    for (;;) {
      const next = await this.#tick();
      if (this.#isReading) {
        await turn();
        continue;
      }
      const wake = this.clock.nextWakeAt;
      const at = next === null || wake === null ? (next ?? wake) : Math.min(next, wake);
      if (at === null || at > end) break;
      this.clock.set(at);
      last = at;
      await turn();
    }
    this.clock.set(end);
    return last;
  }

  runFor(ms: number): Promise<number> {
    return this.runUntil(this.clock.now() + ms);
  }

  /** What is due now, and nothing later. */
  settle(): Promise<number> {
    return this.runUntil(this.clock.now());
  }

  /** The process dies: what was in flight is forgotten, a new dispatcher starts from what is on disk. */
  crash(): void {
    this.#crashes += 1;
    this.inFlight = new Map();
    this.dispatcher = this.#newDispatcher();
  }

  /** The process is stopped, what is in flight ends, and another one starts. */
  async restart(): Promise<void> {
    let isStopped = false;
    const stopping = this.dispatcher.stop().finally(() => {
      isStopped = true;
    });
    for (await turn(); !isStopped; await turn()) {
      const wake = this.clock.nextWakeAt;
      if (wake !== null) this.clock.set(wake);
    }
    await stopping;
    this.dispatcher = this.#newDispatcher();
  }

  requestsFor(callId: string): readonly Sent[] {
    return this.sent.filter((sent) => sent.callId === callId);
  }

  /** Whether a large body is being read for a request that isn't on the wire yet. */
  get #isReading(): boolean {
    let onWire = 0;
    for (const count of this.inFlight.values()) onWire += count;
    return this.dispatcher.inFlight > onWire;
  }

  #newDispatcher(): Dispatcher {
    const { store, clock, random, policy } = this;
    const { notices } = this.#options;
    return new Dispatcher({
      store: this.#options.dispatcherStore?.(store) ?? store,
      clock,
      random,
      policy,
      logger: silentLogger,
      limits: { gatherMs: 0, ...this.#options.limits },
      prepare: (callback, call) => ({
        bodyBytes: Buffer.byteLength(deliveryBody(callback, call.response)),
        send: (maySend) => this.#send(callback, call, maySend),
      }),
      onAttempt: (_, attempt) => this.#settled(attempt),
      notices: () => notices && { ...notices, at: clock.now() },
      wakeOutboxes: () => undefined,
      onCallbackDeleted: () => undefined,
    });
  }

  async #send(callback: Callback, call: Call, maySend: MaySend): Promise<DeliveryResult | null> {
    const crashes = this.#crashes;
    const { clock } = this;
    const connecting = this.connect();
    const may = maySend(connecting === null ? 0 : await connecting);
    if (may !== true && !(await may)) return null;
    if (this.shortage !== null) {
      this.#count(callback.id, 1);
      if (this.shortage.afterMs > 0) await clock.sleepFor(this.shortage.afterMs);
      if (crashes !== this.#crashes) return new Promise(() => undefined);
      this.#count(callback.id, -1);
      throw new OwnShortage("the egress proxy can't be used", "", undefined);
    }
    const sent: Sent = {
      at: clock.now(),
      callbackId: callback.id,
      callId: call.id,
      url: callback.url,
      endedAt: null,
      accepted: null,
    };
    this.sent.push(sent);
    this.watcher?.sending(sent, call, callback);
    this.#count(callback.id, 1);
    const answer = this.endpoint({ callback, call, at: clock.now() });
    if (answer.afterMs) await clock.sleepFor(answer.afterMs);
    if (crashes !== this.#crashes) return new Promise(() => undefined);
    this.#count(callback.id, -1);
    sent.endedAt = clock.now();
    sent.accepted = answer.result.kind === "answered" && answer.result.statusCode === 200;
    const result = { ...answer.result };
    this.#sentByResult.set(result, sent);
    return result;
  }

  #settled(attempt: Attempt): void {
    const sent = this.#sentByResult.get(attempt.result);
    this.#sentByResult.delete(attempt.result);
    if (sent) this.watcher?.settled(sent, attempt);
  }

  /** After a failure of the store it is due again soon, as the loop tries again. */
  async #tick(): Promise<number | null> {
    try {
      return await this.dispatcher.tick();
    } catch (error) {
      if (error instanceof ProcessDied) {
        this.crash();
        return this.clock.now();
      }
      if (!(error instanceof StoreFailure)) throw error;
      return this.clock.now() + 100;
    }
  }

  #count(callbackId: string, by: number): void {
    const count = (this.inFlight.get(callbackId) ?? 0) + by;
    this.inFlight.set(callbackId, count);
    this.mostInFlight.set(callbackId, Math.max(count, this.mostInFlight.get(callbackId) ?? 0));
  }
}
