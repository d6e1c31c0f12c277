/** Plays commands to a dispatcher and its model, and checks both against each other after each of them. */
import type { DispatchLimits } from "../../../src/dispatcher/dispatcher-deps.js";
import type { DeliveryResult } from "../../../src/domain/attempt.js";
import type { RetryPolicy } from "../../../src/domain/retry-policy.js";
import type { RetryExpiry } from "../../../src/store/calls/fetch-calls.js";
import type { Store } from "../../../src/store/open-store.js";
import type { ClockBounds } from "../../../src/store/outcomes/clamp-times.js";
import type { OutcomeGroup } from "../../../src/store/outcomes/commit-outcomes.js";
import { ACCEPTED, aResponse, REFUSED_503 } from "../builders.js";
import { checkSettled } from "./dispatch-checks.js";
import { DispatchModel, isFailedOnDisk, isPendingOnDisk, type ModelCallback } from "./dispatch-model.js";
import { type Answer, MINUTE, Simulation, StoreFailure, watchStore } from "./simulation.js";

export type Behaviour = "up" | "down" | "hanging" | "slow" | "flapping" | "choosy";

/** What a user does. Calls are picked by a number, whatever calls there are. */
export type UserAct =
  | { readonly act: "accept"; readonly callback: number; readonly count: number; readonly bytes?: number }
  | { readonly act: "mark"; readonly callback: number; readonly call: number; readonly status: "SUCCESS" | "FAILED" }
  | { readonly act: "markAndUndo"; readonly callback: number; readonly call: number }
  | { readonly act: "replay"; readonly callback: number; readonly call: number }
  /** A client says that it attempted the callback's calls, `ahead` of now. */
  | { readonly act: "report"; readonly callback: number; readonly ahead: number; readonly isAccepted: boolean }
  | { readonly act: "replayAll"; readonly callback: number }
  | { readonly act: "cancelReplays"; readonly callback: number }
  /** A client sends failed calls, to the endpoint or to another URL, and marks those that are accepted. */
  | { readonly act: "clientReplay"; readonly callback: number; readonly count: number; readonly isElsewhere: boolean }
  /** It lasts for `ms`, or until it is resumed (null). */
  | { readonly act: "pause"; readonly callback: number; readonly ms: number | null }
  | { readonly act: "resume"; readonly callback: number }
  | { readonly act: "toggle"; readonly callback: number }
  | { readonly act: "edit"; readonly callback: number }
  | { readonly act: "delete"; readonly callback: number };

/** Nothing of the process runs for so long, as if it was stopped or its machine suspended. */
export interface Freeze {
  readonly act: "freeze";
  readonly ms: number;
}

export type Command =
  | UserAct
  | Freeze
  | { readonly act: "become"; readonly callback: number; readonly behaviour: Behaviour }
  | { readonly act: "advance"; readonly ms: number }
  | { readonly act: "jump"; readonly ms: number }
  /** The egress proxy can't be used, which shows after `afterMs`; null means that it works again. */
  | { readonly act: "proxy"; readonly afterMs: number | null }
  | { readonly act: "crash" }
  | { readonly act: "restart" }
  /** The user acts, or the process freezes, while the dispatcher awaits its store: after its `after`-th call from now on. */
  | { readonly act: "intrude"; readonly after: number; readonly by: UserAct | Freeze }
  /** The user acts while the process is stopped and connects for its next request. */
  | { readonly act: "stop"; readonly by: UserAct }
  /** The store fails: `after` calls from now on, `times` in a row. */
  | { readonly act: "storeFails"; readonly after: number; readonly times: number };

export interface RunOptions {
  readonly policy: RetryPolicy;
  readonly callbacks: number;
  readonly seed: number;
  readonly limits: RunLimits;
}

/** Small ones reach their edges sooner. */
export type RunLimits = Omit<DispatchLimits, "gatherMs">;

/** No command needs nearly as many. */
const MOST_STORE_CALLS = 30_000;
/** These accept everything. */
const ACCEPTING: ReadonlySet<Behaviour> = new Set(["up", "slow"]);
const TIMED_OUT: DeliveryResult = { kind: "unreachable", reason: "response-timeout", detail: "no answer" };

/** Once the proxy works again, a call is tried at most 30 s after the last trial has failed, and its answer may take a minute. */
const LONGEST_TRIAL_MS = 90_000;

/**
 * What is in flight as the faults stop ends within a minute, and frees its slot; what lacked the proxy is tried within 30 s. If that takes the
 * endpoint down, a round is due within an interval, with its jitter. Nothing fails any more then, and no call's pace (0.8 interval) ends later.
 */
function settlesWithinMs({ intervalMs, jitter }: RetryPolicy): number {
  return MINUTE + intervalMs * (jitter ? 1.1 : 1) + 1_000;
}

/** What is done in a shorter stop may go unnoticed. */
const STOP_MS = 1_001;

/** Comparing costs more than what is compared, and what is wrong after a user's act is still wrong when time has passed. */
const COMPARED_AFTER: ReadonlySet<Command["act"]> = new Set(["advance", "jump", "freeze", "crash", "restart"]);

export class DispatchRun {
  readonly sim: Simulation;
  readonly model: DispatchModel;
  readonly #callbacks: ModelCallback[] = [];
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #intrusions: { after: number; readonly by: UserAct | Freeze }[] = [];
  readonly #stops: UserAct[] = [];
  #stopped: Promise<number> | null = null;
  readonly #failures: { after: number; times: number }[] = [];
  readonly #idBySeq = new Map<number, string>();
  /** Ids of calls whose bodies are larger than the memory for all: each is sent while nothing else is in flight. */
  readonly #oversized = new Set<string>();
  #requests = 0;
  #storeCalls = 0;
  #isFailing = false;
  /** Bodies that couldn't be read since all was settled. */
  #unread = 0;

  readonly #limits: RunLimits;

  private constructor(sim: Simulation, { policy, limits }: RunOptions) {
    this.sim = sim;
    this.#limits = limits;
    this.model = new DispatchModel(policy, limits);
    this.model.taken = () => sim.dispatcher.inFlight;
    this.model.begun = (callbackId) => this.#begunCalls(callbackId);
    sim.watcher = this.model;
    sim.connect = () => this.#connect();
    sim.endpoint = ({ callback, call }) => this.#answer(this.#behaviours.get(callback.id) ?? "up", call.seq);
  }

  /** Opens a new store in memory if none is given. */
  static async open(options: RunOptions, store?: Store): Promise<DispatchRun> {
    const { policy, callbacks, seed, limits } = options;
    const run: { current?: DispatchRun } = {};
    const sim = await Simulation.open({
      ...(store && { store }),
      policy,
      seed,
      limits,
      dispatcherStore: (inner) =>
        watchStore(inner, (method, args, work) => run.current?.onStoreCall(method, args, work) ?? work()),
    });
    run.current = new DispatchRun(sim, options);
    for (let index = 0; index < callbacks; index += 1) {
      const callback = await sim.callback({ name: `callback-${index}`, retriesEnabled: index !== 1 });
      run.current.#callbacks.push(run.current.model.add(callback));
    }
    return run.current;
  }

  /** Does it, lets everything that is due now happen, and returns what is wrong then. */
  async play(command: Command): Promise<string[]> {
    const { sim, model } = this;
    this.#storeCalls = 0;
    if (command.act === "become") {
      const callback = this.#callbacks[command.callback % this.#callbacks.length];
      if (callback) this.#become(callback, command.behaviour);
    } else if (command.act === "freeze") this.#freeze(command.ms);
    else if (command.act === "advance") await sim.runFor(command.ms);
    else if (command.act === "jump") {
      sim.clock.jump(command.ms);
      model.clockJumped();
    } else if (command.act === "proxy") await this.#setProxy(command.afterMs);
    else if (command.act === "crash") {
      model.crashed(sim.clock.now());
      sim.crash();
      model.takenOver(sim.clock.now());
    } else if (command.act === "restart") {
      await sim.restart();
      model.takenOver(sim.clock.now());
    } else if (command.act === "intrude") this.#intrusions.push({ after: command.after, by: command.by });
    else if (command.act === "stop") this.#stops.push(command.by);
    else if (command.act === "storeFails") {
      model.storeFailed();
      this.#failures.push({ after: command.after, times: command.times });
    } else await this.#act(command);
    await this.settle();
    return COMPARED_AFTER.has(command.act) ? this.#check() : model.violations.splice(0);
  }

  /** Lets it run until no call waits any more, then wants every endpoint to deliver again. */
  async end(): Promise<string[]> {
    const { sim, model } = this;
    const { windowMs, intervalMs } = model.policy;
    this.#storeCalls = 0;
    await this.#setProxy(null);
    this.#intrusions.length = 0;
    this.#stops.length = 0;
    this.#failures.length = 0;
    for (const [index, { pause }] of this.#callbacks.entries()) {
      if (pause !== null && (pause.until ?? Number.POSITIVE_INFINITY) > sim.clock.now() + windowMs)
        await this.#act({ act: "resume", callback: index });
    }
    await sim.runFor(windowMs + 2 * intervalMs + 2 * MINUTE);
    const calls = this.#callbacks.flatMap(({ calls }) => [...calls.values()]);
    // Without an open outage, a dead endpoint gets one response an interval.
    const firsts = calls.filter(({ owes }) => owes === "first").length;
    await sim.runFor(firsts * (1.1 * intervalMs + MINUTE));
    // A call may fail for the first time late, while a recovery's requests hang for a minute each.
    const lastFirst = Math.max(0, ...calls.map(({ firstFailedAt }) => firstFailedAt ?? 0));
    if (!model.isJumpy) await sim.runUntil(Math.max(sim.clock.now(), lastFirst + windowMs + 2 * intervalMs + 10 * MINUTE));
    // A dead endpoint gets ten replays a round, however many were asked for.
    const replays = calls.filter(({ owes }) => owes === "replay").length;
    if (replays > 0) await sim.runFor((replays / 10 + 2) * 2 * intervalMs);
    const broken = await this.#check(true);
    for (const callback of this.#callbacks) {
      const { settings, calls, isDeleted } = callback;
      if (isDeleted || model.isJumpy) continue;
      // Where slots are short, calls that may hang for a minute each still take turns.
      const waiting = model.isTight ? [] : [...calls.values()].filter(({ owes }) => owes !== null);
      for (const { id, owes } of waiting) broken.push(`${id} still owes a ${owes} at the end`);
      this.#become(callback, "up");
      await this.#act({ act: "accept", callback: this.#callbacks.findIndex((one) => one.settings === settings), count: 3 });
    }
    await sim.runFor(2 * intervalMs);
    broken.push(...(await this.#check(true)));
    for (const { calls, isDeleted } of this.#callbacks) {
      if (isDeleted || model.isJumpy) continue;
      for (const { id, status } of [...calls.values()].slice(-3))
        if (status !== "SUCCESS") broken.push(`${id} is ${status} at the end`);
    }
    await sim.runFor(windowMs);
    if (sim.dispatcher.endpoints > 0 && !model.isJumpy) broken.push(`${sim.dispatcher.endpoints} endpoints kept in memory`);
    return broken;
  }

  /** All faults stop. Resolves to what hasn't settled within the bound. */
  async endFaults(): Promise<string[]> {
    const { sim, model } = this;
    const { policy } = model;
    this.#storeCalls = 0;
    for (const planned of [this.#intrusions, this.#stops, this.#failures]) planned.length = 0;
    sim.shortage = null;
    for (const [index, callback] of this.#callbacks.entries()) {
      this.#become(callback, "up");
      await this.#act({ act: "resume", callback: index });
    }
    await sim.runFor(settlesWithinMs(policy));
    if (model.isShort) model.shortageEnded();
    const broken = await this.#check(true);
    broken.push(...(await this.#unsettled()));
    for (const index of this.#callbacks.keys()) await this.#act({ act: "accept", callback: index, count: 1 });
    await sim.settle();
    broken.push(...(await this.#unsettled()), ...(await this.#check()));
    for (const { callback, endpoint } of await sim.store.endpoints.list([...model.callbacks.keys()]))
      if (endpoint.state !== "up") broken.push(`the endpoint of ${callback.name} is ${endpoint.state}`);
    // An outage closes an interval after its last first failure.
    await sim.runFor(policy.intervalMs);
    const open = (await sim.store.outages.list({ limit: 10_000, offset: 0 })).items.filter(({ endedAt }) => endedAt === null);
    for (const { id, callbackId } of open)
      if (!model.callbacks.get(callbackId)?.isDeleted) broken.push(`the outage ${id} is open`);
    return broken;
  }

  /** Resolves to what waits, and what is still taken. */
  async #unsettled(): Promise<string[]> {
    const { dispatcher, store } = this.sim;
    const broken: string[] = [];
    for (const { settings, isDeleted } of this.#callbacks) {
      if (isDeleted) continue;
      const { items } = await store.calls.list(settings.id, { limit: 10_000, offset: 0, filter: {}, sort: [] });
      for (const { id, status, due } of items)
        if (status === "PENDING" || due !== null)
          broken.push(`${id} is ${status}, and due for a ${due?.cause ?? "first attempt"}`);
    }
    if (dispatcher.inFlight > 0) broken.push(`${dispatcher.inFlight} slots are taken`);
    if (dispatcher.heldBytes > 0) broken.push(`${dispatcher.heldBytes} bytes of the budget are taken`);
    return broken;
  }

  #begunCalls(callbackId: string): ReadonlySet<string> {
    const seqs = this.sim.dispatcher.begunCalls(callbackId) ?? [];
    return new Set([...seqs].flatMap((seq) => this.#idBySeq.get(seq) ?? []));
  }

  #check(isThorough = false): Promise<string[]> {
    const { dispatcher, store, clock } = this.sim;
    const { inFlightInAll, bodyBytes } = this.#limits;
    const calls = this.#callbacks.flatMap((callback) => [...callback.calls.values()]);
    const awaitsAll = calls.some(({ id, owes, inFlight }) => owes !== null && inFlight === null && this.#oversized.has(id));
    // Half of the memory is for what was read ahead.
    const isFull = 2 * dispatcher.inFlight >= inFlightInAll || 4 * dispatcher.heldBytes >= bodyBytes;
    const isCrowded = dispatcher.inFlight > 0 && (isFull || awaitsAll);
    return checkSettled(store, this.model, { now: clock.now(), isCrowded, isThorough });
  }

  /**
   * If the store has just failed, the dispatcher is about to try again: what lacks memory too, with its next look, and a body that
   * couldn't be read after 1 s, then 2 s and so on.
   */
  async settle(): Promise<void> {
    do {
      const aheadMs = !this.#isFailing ? 0 : this.model.isTight ? 1_000 : 200;
      this.#isFailing = false;
      await this.sim.runFor(this.#unread === 0 ? aheadMs : 1_000 * 2 ** (this.#unread - 1));
    } while (this.#isFailing);
    this.#unread = 0;
  }

  async onStoreCall(method: string, args: readonly unknown[], work: () => Promise<unknown>): Promise<unknown> {
    if (this.#stopped !== null) {
      await this.#stopped;
      await this.sim.clock.nextTurn();
    }
    if (method === "calls.find") this.model.reads(String(args[0]), String(args[1]));
    this.#storeCalls += 1;
    if (this.#storeCalls > MOST_STORE_CALLS) throw new Error("the dispatcher spins");
    const failure = this.#failures[0];
    if (failure && failure.after > 0) failure.after -= 1;
    else if (failure) {
      failure.times -= 1;
      if (failure.times <= 0) this.#failures.shift();
      this.#isFailing = true;
      if (method === "calls.find") this.#unread += 1;
      throw new StoreFailure("the store failed");
    }
    const result = await work();
    if (method === "queue.expireRetries" && result !== 0) {
      for (const { callbackId } of args[0] as readonly RetryExpiry[]) await this.#expired(callbackId);
    }
    if (method === "outcomes.clampTimes") await this.#clamped(args[0] as ClockBounds);
    if (method === "outcomes.commit") await this.#committed(args[0] as OutcomeGroup);
    const intrusion = this.#intrusions[0];
    if (intrusion && intrusion.after > 0) intrusion.after -= 1;
    else if (intrusion) {
      this.#intrusions.shift();
      if (intrusion.by.act === "freeze") this.#freeze(intrusion.by.ms);
      else await this.#act(intrusion.by);
    }
    return result;
  }

  /** All that connect at that time are stopped. */
  #connect(): Promise<number> | null {
    if (this.#stopped === null) {
      const [act] = this.#stops.splice(0, 1);
      if (act !== undefined) this.#stopped = this.#stopFor(act);
    }
    return this.#stopped;
  }

  async #stopFor(act: UserAct): Promise<number> {
    await this.#act(act);
    this.#freeze(STOP_MS);
    this.#stopped = null;
    return STOP_MS;
  }

  /** Whose window is over can't be known later, by a clock that was set back: the model learns it when it happens. */
  async #expired(callbackId: string): Promise<void> {
    const { sim, model } = this;
    for (const call of model.overdue(callbackId, sim.clock.now())) {
      const stored = await sim.store.calls.find(callbackId, call.id);
      if (stored?.due === null && stored.attemptCount === call.attempts.length + call.reports) call.owes = null;
    }
  }

  /** What has expired is retried again inside its window. Of calls that were replayed or switched, the model learns whether they had. */
  async #clamped(bounds: ClockBounds): Promise<void> {
    const { sim, model } = this;
    model.clamped(bounds);
    if (!bounds.setBack) return;
    for (const callback of this.#callbacks.filter(({ isDeleted }) => !isDeleted)) {
      for (const call of model.unretried(callback, bounds.now)) {
        const stored = await sim.store.calls.find(callback.settings.id, call.id);
        const isReplayed = call.attempts.some(({ cause }) => cause === "replay");
        if (stored?.due?.cause === "retry") Object.assign(call, { owes: "retry", isDueNow: true });
        else if (!callback.wasSwitched && !isReplayed) model.violations.push(`not retried again by the clock: ${call.id}`);
      }
    }
  }

  async #committed(group: OutcomeGroup): Promise<void> {
    this.model.committed(group, (seq) => this.#idBySeq.get(seq));
    for (const { callbackId, at } of this.model.isJumpy ? [] : group.holdings) {
      const { items } = await this.sim.store.outages.list({ limit: 10_000, offset: 0, callbackId });
      const isOpen = items.some(({ startedAt, endedAt }) => startedAt <= at && at < (endedAt ?? Number.POSITIVE_INFINITY));
      if (!isOpen) this.model.violations.push(`held at ${at} without an open outage`);
    }
  }

  async #setProxy(afterMs: number | null): Promise<void> {
    const { sim, model } = this;
    const { shortage } = sim;
    if (afterMs === null && shortage === null) return;
    if (afterMs !== null) model.isShort = true;
    sim.shortage = afterMs === null ? null : { afterMs };
    if (shortage === null || afterMs !== null) return;
    await sim.runFor(shortage.afterMs + LONGEST_TRIAL_MS);
    model.shortageEnded();
  }

  #freeze(ms: number): void {
    this.model.froze(this.sim.clock.now(), ms);
    this.sim.clock.advance(ms);
  }

  #become(callback: ModelCallback, behaviour: Behaviour): void {
    this.#behaviours.set(callback.settings.id, behaviour);
    if (!ACCEPTING.has(behaviour)) callback.acceptsSince = null;
    else callback.acceptsSince ??= this.sim.clock.now();
  }

  async #act(act: UserAct): Promise<void> {
    const { sim, model } = this;
    const callback = this.#callbacks[act.callback % this.#callbacks.length];
    if (!callback || callback.isDeleted) return;
    const { settings } = callback;
    const calls = [...callback.calls.values()];
    const picked = "call" in act ? calls[act.call % Math.max(1, calls.length)] : undefined;
    const now = sim.clock.now();
    switch (act.act) {
      case "accept": {
        const response = aResponse(act.bytes === undefined ? {} : { customParameters: { text: "x".repeat(act.bytes) } });
        const ids = await sim.accept(settings, act.count, response);
        model.accepted(callback, ids);
        for (const id of ids) {
          this.#idBySeq.set(this.#idBySeq.size + 1, id);
          if ((act.bytes ?? 0) > this.#limits.bodyBytes) this.#oversized.add(id);
        }
        return;
      }
      case "mark":
        if (!picked || (isPendingOnDisk(picked) && act.status === "FAILED")) return;
        await sim.mark(settings, [picked.id], act.status);
        return model.marked(picked, act.status, now);
      case "markAndUndo":
        if (picked?.status !== "FAILED" && picked?.status !== "PENDING") return;
        for (const status of ["SUCCESS", "FAILED"] as const) {
          await sim.mark(settings, [picked.id], status);
          model.marked(picked, status, now);
        }
        return;
      case "replay":
        if (!picked) return;
        await sim.replay(settings, { callIds: [picked.id] });
        return model.replayed(callback, picked, now);
      case "report": {
        const result = act.isAccepted ? ACCEPTED : REFUSED_503;
        const callIds = calls.map(({ id }) => id);
        await sim.report(settings, callIds, now + act.ahead, result);
        for (const call of calls) model.reported(call);
        return;
      }
      case "replayAll":
        await sim.replay(settings, { filter: {} });
        for (const call of calls) model.replayed(callback, call, now);
        return;
      case "cancelReplays":
        await sim.cancelReplays(settings);
        for (const call of calls) model.replayCancelled(callback, call, now);
        return;
      case "clientReplay": {
        const sent = calls.filter(isFailedOnDisk).slice(0, act.count);
        if (sent.length === 0 || (callback.acceptsSince === null && !act.isElsewhere)) return;
        await sim.mark(
          settings,
          sent.map(({ id }) => id),
          "SUCCESS",
          "replay",
        );
        return model.replayMarked(callback, sent, now);
      }
      case "pause":
        await sim.pause(settings, act.ms);
        return model.paused(callback, { at: now, until: act.ms === null ? null : now + act.ms });
      case "resume":
        await sim.resume(settings);
        return model.resumed(callback, now);
      case "toggle":
        return model.updated(callback, await sim.update(settings, { retriesEnabled: !settings.retriesEnabled }), now);
      case "edit":
        return model.updated(callback, await sim.update(settings, { url: `http://127.0.0.1:9000/${sim.sent.length}` }), now);
      case "delete":
        await sim.remove(settings);
        return model.deleted(callback, now);
    }
  }

  #answer(behaviour: Behaviour, seq: number): Answer {
    this.#requests += 1;
    switch (behaviour) {
      case "up":
        return { result: ACCEPTED };
      case "down":
        return { result: REFUSED_503 };
      case "hanging":
        return { result: TIMED_OUT, afterMs: MINUTE };
      case "slow":
        return { result: ACCEPTED, afterMs: 20_000 };
      case "flapping":
        return { result: this.#requests % 13 === 0 ? ACCEPTED : REFUSED_503, afterMs: 300 };
      case "choosy":
        return { result: seq % 3 === 0 ? REFUSED_503 : ACCEPTED, afterMs: 40 };
    }
  }
}
