/** Plays commands to two nodes on one database, in virtual time. Of what both ask of the database, a seeded number says what comes next. */
import { setImmediate as turn } from "node:timers/promises";
import type { RetryPolicy } from "../../../../src/domain/retry-policy.js";
import { type Random, shortId, timeOrderedId } from "../../../../src/platform/random.js";
import type { Store } from "../../../../src/store/open-store.js";
import type { OutcomeGroup } from "../../../../src/store/outcomes/commit-outcomes.js";
import { ACCEPTED, aResponse, REFUSED_503, someSettings } from "../../builders.js";
import { seededRandom } from "../../time/seeded-random.js";
import { MINUTE, StoreFailure, watchStore } from "../simulation.js";
import { checkEndpoints, checkNodes } from "./nodes-checks.js";
import { NodesModel, type SharedCall, type SharedCallback } from "./nodes-model.js";
import type { SharedDatabase } from "./shared-database.js";
import { type NodeWorld, type StoreCall, VirtualNode } from "./virtual-node.js";

/** Calls, callbacks and nodes are picked by a number, whatever there are. */
export type NodesAct =
  | { readonly act: "accept"; readonly callback: number; readonly node: number; readonly count: number }
  | { readonly act: "mark"; readonly callback: number; readonly call: number; readonly status: "SUCCESS" | "FAILED" }
  | { readonly act: "replay"; readonly callback: number; readonly call: number }
  | { readonly act: "edit" | "pauseCallback" | "resumeCallback"; readonly callback: number }
  /** Nothing of the node's process runs. With `isSent`, one request of its is on its way to the database. */
  | { readonly act: "pause"; readonly node: number; readonly ms: number; readonly isSent: boolean }
  /** It dies, and is started again after some time. */
  | { readonly act: "kill"; readonly node: number; readonly ms: number; readonly isSent: boolean }
  /** It stops, gives back what it owns, and is started again. */
  | { readonly act: "restart"; readonly node: number }
  /** The database doesn't answer the node, or both: only its leases or all of it. With `isExecuted`, it does what it is asked. */
  | {
      readonly act: "cut";
      readonly node: number | "both";
      readonly ms: number;
      readonly isAll: boolean;
      readonly isExecuted: boolean;
    }
  /** The database's clock is set, and those of the nodes follow. */
  | { readonly act: "jump"; readonly ms: number };

export type NodesCommand =
  | NodesAct
  | { readonly act: "become"; readonly callback: number; readonly endpoint: NodesEndpoint }
  | { readonly act: "advance"; readonly ms: number }
  /** The nodes take turns to accept a response, one every so many ms. */
  | { readonly act: "traffic"; readonly callback: number; readonly count: number; readonly everyMs: number }
  /** It happens once the nodes have asked the database so many more times. */
  | { readonly act: "intrude"; readonly after: number; readonly by: NodesAct };

export interface NodesEndpoint {
  /** How many of its answers in ten are 200. */
  readonly accepts: number;
  readonly afterMs: number;
  readonly connectMs: number;
}

export interface NodesOptions {
  readonly policy: RetryPolicy;
  readonly callbacks: number;
  readonly seed: number;
  /** How far the wall clocks of the nodes are off that of the database. */
  readonly offMs: readonly [number, number];
}

const BEGIN = Date.UTC(2030, 0, 1);
const WORKING: NodesEndpoint = { accepts: 10, afterMs: 0, connectMs: 0 };
const NO_ANSWER_MS = 4_000;
/** What a dispatcher that died owned is taken by then, also if the other one has just started or was late. */
const TAKEN_WITHIN_MS = 35_000;
const MOST_STORE_CALLS = 100_000;

export class NodesRun implements NodeWorld {
  readonly model: NodesModel;
  readonly policy: RetryPolicy;
  readonly random: Random;
  elapsedMs = 0;
  readonly #database: SharedDatabase;
  readonly #offMs: readonly [number, number];
  readonly #nodes: VirtualNode[] = [];
  /** When dead nodes start again. */
  readonly #startsAt: (number | null)[] = [null, null];
  readonly #callbacks: SharedCallback[] = [];
  readonly #endpoints = new Map<string, NodesEndpoint>();
  readonly #intrusions: { after: number; readonly by: NodesAct }[] = [];
  #jumpedMs = 0;
  #databaseTime = Number.NaN;
  /** What the database answered who asked whether anything was written, if nothing was since. */
  #counter: unknown = null;
  #calls = 0;
  #replays = 0;

  private constructor(database: SharedDatabase, { policy, seed, offMs }: NodesOptions) {
    this.#database = database;
    this.policy = policy;
    this.random = seededRandom(seed);
    this.#offMs = offMs;
    this.model = new NodesModel(policy);
    for (const index of [0, 1]) this.#start(index);
  }

  static async open(options: NodesOptions, database: SharedDatabase): Promise<NodesRun> {
    const run = new NodesRun(database, options);
    for (let index = 0; index < options.callbacks; index += 1) {
      const settings = someSettings({ name: `callback-${index}`, retriesEnabled: true });
      const { id } = await database.stores[0].callbacks.create(shortId(run.random), settings, run.#now);
      run.#callbacks.push(run.model.add(id));
    }
    return run;
  }

  async play(command: NodesCommand): Promise<readonly string[]> {
    this.#calls = 0;
    if (command.act === "become") this.#endpoints.set(this.#callback(command).id, command.endpoint);
    else if (command.act === "intrude") this.#intrusions.push({ after: command.after, by: command.by });
    else if (command.act === "advance") await this.#runFor(command.ms);
    else if (command.act === "traffic") await this.#traffic(command);
    else await this.#act(command);
    await this.#settle();
    return this.model.violations.splice(0);
  }

  /** All faults stop. Resolves to what was lost, repeated or hasn't settled within the bound. */
  async end(): Promise<readonly string[]> {
    this.#calls = 0;
    this.#intrusions.length = 0;
    this.#endpoints.clear();
    for (const [index, node] of this.#nodes.entries()) {
      node.cut.until = Math.min(node.cut.until, this.elapsedMs);
      // It comes back at the next moment.
      node.pausedUntil = Math.min(node.pausedUntil, this.elapsedMs + 1);
      if (this.#startsAt[index] !== null) this.#startsAt[index] = this.elapsedMs;
    }
    for (const index of this.#callbacks.keys()) await this.#act({ act: "resumeCallback", callback: index });
    const broken = await this.#check(true);
    for (const index of this.#callbacks.keys()) await this.#act({ act: "accept", callback: index, node: index, count: 1 });
    if (broken.length === 0) broken.push(...(await this.#check(false)));
    for (const { dispatcher } of this.#nodes) {
      if (dispatcher.inFlight > 0) broken.push(`${dispatcher.inFlight} slots are taken`);
      if (dispatcher.heldBytes > 0) broken.push(`${dispatcher.heldBytes} bytes of the budget are taken`);
    }
    for (const node of this.#nodes) node.isDead = true;
    return broken;
  }

  /** Waits until everything has settled, or should have. */
  async #check(mayBeDown: boolean): Promise<string[]> {
    const { intervalMs, jitter } = this.policy;
    // An outage closes an interval after its last first failure.
    const latest = this.elapsedMs + TAKEN_WITHIN_MS + MINUTE + intervalMs * (jitter ? 2.1 : 2) + 2_000;
    while (this.elapsedMs < latest && !(await this.#isSettled())) await this.#runFor(Math.min(5_000, latest - this.elapsedMs));
    return [
      ...this.model.violations.splice(0),
      ...(await checkNodes(this.#database, this.model, this.policy, this.#now)),
      ...(await checkEndpoints(this.#database, this.model, mayBeDown)),
    ];
  }

  /** Nothing waits, nothing is in flight, and no outage is open. */
  async #isSettled(): Promise<boolean> {
    if (this.#nodes.some(({ isDead, dispatcher }) => isDead || dispatcher.inFlight > 0)) return false;
    const rows = await this.#database.query(`
      SELECT 1 FROM calls WHERE status = 'PENDING' OR due_at IS NOT NULL UNION ALL SELECT 1 FROM outages WHERE ended_at IS NULL
      UNION ALL SELECT 1 FROM endpoints WHERE state <> 'up'`);
    return rows.length === 0;
  }

  answer(callbackId: string) {
    const { accepts, afterMs, connectMs } = this.#endpoints.get(callbackId) ?? WORKING;
    return { result: 10 * this.random.fraction() < accepts ? ACCEPTED : REFUSED_503, afterMs, connectMs };
  }

  /** The database's clock. */
  get #now(): number {
    return BEGIN + this.elapsedMs + this.#jumpedMs;
  }

  #callback({ callback }: { readonly callback: number }): SharedCallback {
    return this.#callbacks[callback % this.#callbacks.length] as SharedCallback;
  }

  async #traffic({ callback, count, everyMs }: Extract<NodesCommand, { act: "traffic" }>): Promise<void> {
    for (let node = 0; node < count; node += 1) {
      await this.#act({ act: "accept", callback, node, count: 1 });
      await this.#runFor(everyMs);
    }
  }

  #start(index: number): void {
    this.#startsAt[index] = null;
    const store = this.#database.stores[index as 0 | 1];
    const watched = (node: VirtualNode): Store =>
      watchStore(store, (method, args, work) => {
        return new Promise((resolve, reject) => void node.waiting.push({ node, method, args, work, resolve, reject }));
      });
    this.#nodes[index] = new VirtualNode(this, watched, this.#now + (this.#offMs[index] ?? 0));
  }

  async #runFor(ms: number): Promise<void> {
    const end = this.elapsedMs + ms;
    for (;;) {
      await this.#settle();
      const next = Math.min(...this.#nodes.map((node, index) => this.#nextOf(node, index)));
      if (next > end) break;
      this.#setElapsed(next);
    }
    this.#setElapsed(end);
  }

  /** When something happens to the node next. */
  #nextOf(node: VirtualNode, index: number): number {
    if (node.isDead) return this.#startsAt[index] ?? Number.POSITIVE_INFINITY;
    if (node.isPaused) return node.pausedUntil;
    const wakesAt = node.clock.nextWakeAt;
    return wakesAt === null ? Number.POSITIVE_INFINITY : this.elapsedMs + Math.max(0, wakesAt - node.clock.now());
  }

  #setElapsed(at: number): void {
    this.elapsedMs = at;
    for (const [index, node] of this.#nodes.entries()) {
      const startsAt = this.#startsAt[index] ?? Number.POSITIVE_INFINITY;
      if (node.isDead && at >= startsAt) this.#start(index);
      else if (!node.isDead && !node.isPaused) node.catchUp();
    }
  }

  /** Lets everything that is due happen, one statement of the database at a time. */
  async #settle(): Promise<void> {
    for (;;) {
      await this.#quiet();
      const intrusion = this.#intrusions[0];
      if (intrusion && intrusion.after <= 0) {
        this.#intrusions.shift();
        await this.#act(intrusion.by);
        continue;
      }
      const runnable = this.#nodes.filter(({ isDead, isPaused }) => !isDead && !isPaused).flatMap(({ waiting }) => waiting);
      const next = runnable[Math.floor(this.random.fraction() * runnable.length)];
      if (next === undefined) return;
      next.node.waiting.splice(next.node.waiting.indexOf(next), 1);
      if (intrusion) intrusion.after -= 1;
      this.#calls += 1;
      if (this.#calls > MOST_STORE_CALLS) throw new Error("the nodes spin");
      await this.#answerCall(next);
    }
  }

  /** Resolves once the nodes do nothing but wait for the database or their clocks. */
  async #quiet(): Promise<void> {
    const activity = () => this.#nodes.reduce((sum, { clock, waiting }) => sum + clock.turns + waiting.length, 0);
    for (let before = -1; before !== activity(); ) {
      before = activity();
      await turn();
    }
  }

  async #answerCall(call: StoreCall): Promise<void> {
    const { node, method, resolve, reject } = call;
    if (node.isCutFrom(method)) {
      if (node.cut.isExecuted) await this.#execute(call);
      void node.clock.sleepFor(NO_ANSWER_MS).then(() => reject(new StoreFailure("the database doesn't answer")));
      return;
    }
    const answer = await this.#execute(call);
    if ("error" in answer) reject(answer.error);
    else resolve(answer.result);
  }

  async #execute({ node, method, args, work }: StoreCall): Promise<{ readonly result: unknown } | { readonly error: unknown }> {
    // Nodes ask for it twice a second, and it stays the same until somebody writes.
    if (method === "changes.readCounter" && this.#counter !== null) return { result: this.#counter };
    if (!method.startsWith("nodes.read")) this.#counter = null;
    if (method.startsWith("nodes.") && this.#databaseTime !== this.#now) {
      await this.#database.setTime(this.#now);
      this.#databaseTime = this.#now;
    }
    try {
      const result = await work();
      if (method === "changes.readCounter") this.#counter = result;
      await this.#note(node, method, args, result);
      return { result };
    } catch (error) {
      return { error };
    }
  }

  async #note(node: VirtualNode, method: string, [first, second]: readonly unknown[], result: unknown): Promise<void> {
    const { model, elapsedMs: at } = this;
    if (method === "outcomes.commit") model.committed(first as OutcomeGroup, at);
    if (!method.startsWith("nodes.")) return;
    const lease = String(first);
    if (method === "nodes.startLease") model.leaseStarted(lease, node, at);
    if (method === "nodes.renewLease" && result === true) model.leaseRenewed(lease, at);
    if (method === "nodes.takeCallbacks") model.taken(lease, (result as { fences: ReadonlyMap<string, number> }).fences);
    if (method === "nodes.releaseCallbacks") model.released(lease, second as readonly string[]);
    if (method !== "nodes.endUnrenewed" && method !== "nodes.endLease") return;
    const rows = await this.#database.query<{ id: string }>("SELECT id FROM dispatchers");
    model.leasesLeft(new Set(rows.map(({ id }) => id)), at);
  }

  async #act(act: NodesAct): Promise<void> {
    const { model, elapsedMs: at } = this;
    const now = this.#now;
    this.#counter = null;
    if (act.act === "jump") {
      this.#jumpedMs += act.ms;
      model.isJumpy = true;
      for (const { clock } of this.#nodes) clock.jump(act.ms);
      return;
    }
    if (act.act === "pause" || act.act === "kill" || act.act === "restart" || act.act === "cut") return this.#disturb(act);
    const callback = this.#callback(act);
    const { id, calls } = callback;
    const [store] = this.#database.stores;
    const picked = "call" in act ? [...calls.values()][act.call % Math.max(1, calls.size)] : undefined;
    if (act.act === "accept") {
      const ids = Array.from({ length: act.count }, () => timeOrderedId(now, this.random));
      await store.calls.accept([{ callbackId: id, calls: ids.map((call) => ({ id: call, response: aResponse() })) }], now);
      model.accepted(callback, ids);
      this.#nodes[act.node % 2]?.dispatcher.accepted(id);
      return;
    }
    if (act.act === "mark" && picked) await this.#mark(id, picked, act.status);
    if (act.act === "replay" && picked) {
      this.#replays += 1;
      await store.replays.request(id, { id: `R${this.#replays}`, by: null, selection: { callIds: [picked.id] } }, now);
      model.replayed(picked, at);
    }
    if (act.act === "edit") {
      const stored = await store.callbacks.find(id);
      if (stored) await store.callbacks.update(id, { ...stored, url: `http://127.0.0.1:9000/${at}` }, now, this.policy);
      model.paceLifted(callback, at);
    }
    if (act.act === "pauseCallback" || act.act === "resumeCallback") {
      const isPause = act.act === "pauseCallback";
      await store.callbacks.setPause(id, isPause ? { at: now, until: null, by: "ada" } : null);
      callback.pausedAt = isPause ? (callback.pausedAt ?? at) : null;
    }
  }

  async #mark(callbackId: string, call: SharedCall, status: "SUCCESS" | "FAILED"): Promise<void> {
    const stored = await this.#database.stores[0].calls.find(callbackId, call.id);
    if (stored?.status === status || (stored?.status === "PENDING" && status === "FAILED")) return;
    await this.#database.stores[0].calls.mark(callbackId, [call.id], status, this.#now, {});
    this.model.marked(call, status, this.elapsedMs);
  }

  async #disturb(act: Extract<NodesAct, { act: "pause" | "kill" | "restart" | "cut" }>): Promise<void> {
    const chosen = act.node === "both" ? [0, 1] : [act.node % 2];
    for (const index of chosen) {
      const node = this.#nodes[index];
      if (!node || node.isDead) continue;
      if (act.act === "restart") this.#restart(node, index);
      else if (act.act === "cut") {
        Object.assign(node.cut, { until: this.elapsedMs + act.ms, isAll: act.isAll, isExecuted: act.isExecuted });
      } else {
        const sent = act.isSent && !node.isPaused ? node.waiting.shift() : undefined;
        if (act.act === "pause") node.pause(act.ms);
        else this.#kill(node, index, act.ms);
        if (sent && !node.isCutFrom(sent.method)) {
          const answer = await this.#execute(sent);
          node.answered.push(() => ("error" in answer ? sent.reject(answer.error) : sent.resolve(answer.result)));
        }
      }
    }
  }

  #kill(node: VirtualNode, index: number, ms: number): void {
    node.isDead = true;
    this.#startsAt[index] = this.elapsedMs + ms;
  }

  #restart(node: VirtualNode, index: number): void {
    if (node.isStopping || node.isPaused) return;
    node.isStopping = true;
    const startAgain = () => {
      if (!node.isDead) this.#kill(node, index, 0);
    };
    node.dispatcher.stop().then(startAgain, startAgain);
  }
}
