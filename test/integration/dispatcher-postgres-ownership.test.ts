/** Two dispatchers on one PostgreSQL database. Only their clocks and the wire are faked. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { MaySend } from "../../src/delivery/deliverer.js";
import { Dispatcher } from "../../src/dispatcher/dispatcher.js";
import type { Attempt, DeliveryResult } from "../../src/domain/attempt.js";
import type { Callback } from "../../src/domain/callback.js";
import { DEFAULT_RETRY_POLICY } from "../../src/domain/retry-policy.js";
import type { Logger } from "../../src/platform/logger.js";
import type { NodeStore } from "../../src/store/nodes/open-nodes.js";
import type { Store } from "../../src/store/open-store.js";
import { aCallback, accept, aGroup, anEndpoint } from "../contract/store-support.js";
import { ACCEPTED, aResponse, REFUSED_503 } from "../support/builders.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { eventually } from "../support/process/whcb-process.js";
import { seededRandom } from "../support/time/seeded-random.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

const SECOND = 1_000;

/** A dispatcher with a clock of its own, whose requests end as the test says. */
class Node {
  readonly clock = new VirtualClock(Date.now());
  readonly dispatcher: Dispatcher;
  readonly sent: string[] = [];
  readonly recorded: Attempt[] = [];
  readonly warnings: unknown[] = [];
  /** If it is null, requests hang until `answer`. */
  result: DeliveryResult | null = ACCEPTED;
  /** The database doesn't answer its leases. */
  isCutOff = false;
  renewals = 0;
  /** The last renewal that was sent to the database. */
  renewal: Promise<unknown> = Promise.resolve();
  /** Until then, its requests wait for their connection. */
  connected: Promise<void> = Promise.resolve();
  /** Is called while a large body is read for a request. */
  onRead: () => void = () => undefined;
  /** Is called before it withdraws a cancelled replay. */
  onWithdraw: () => Promise<void> = async () => undefined;
  readonly #hanging: ((result: DeliveryResult) => void)[] = [];
  #running: Promise<void> | null = null;
  #isEnded = false;
  /** Settled unless the node is paused. */
  #going: Promise<void> = Promise.resolve();
  #goOn = () => {};

  constructor(store: Store, seed: number) {
    const note = (fields: object, message: string) =>
      void this.warnings.push([message, "calls" in fields ? fields.calls : undefined]);
    const logger: Logger = { error: note, warn: note, info: () => undefined };
    this.dispatcher = new Dispatcher({
      store: {
        ...store,
        nodes: this.#nodes(store),
        changes: this.#whileGoing(store.changes),
        calls: {
          ...this.#whileGoing(store.calls),
          find: (callbackId, callId) => {
            this.onRead();
            return store.calls.find(callbackId, callId);
          },
        },
        replays: {
          ...store.replays,
          cancelChunk: async (...cancel) => {
            await this.onWithdraw();
            return store.replays.cancelChunk(...cancel);
          },
        },
      },
      clock: this.clock,
      random: seededRandom(seed),
      logger,
      policy: DEFAULT_RETRY_POLICY,
      limits: { gatherMs: 0 },
      prepare: (_, { id }) => ({ bodyBytes: 1, send: (maySend) => this.#send(id, maySend) }),
      onAttempt: (_, attempt) => void this.recorded.push(attempt),
      wakeOutboxes: () => undefined,
      onCallbackDeleted: () => undefined,
    });
  }

  /** Its time goes on by itself, in small steps, unless it is paused. */
  start(): void {
    this.dispatcher.start();
    this.go();
  }

  go(): void {
    this.#isEnded = false;
    this.#goOn();
    this.#running = (async () => {
      while (!this.#isEnded) {
        this.clock.advance(20);
        await this.clock.nextTurn();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
  }

  /** A paused node renews and reads nothing, however far its loops had come. */
  async pause(): Promise<void> {
    this.#isEnded = true;
    this.#going = new Promise((resolve) => (this.#goOn = resolve));
    await this.#running;
  }

  async stop(): Promise<void> {
    this.isCutOff = false;
    this.answer(ACCEPTED);
    if (this.#isEnded) this.go();
    await this.dispatcher.stop();
    await this.pause();
  }

  answer(result: DeliveryResult): void {
    this.result = result;
    for (const end of this.#hanging.splice(0)) end(result);
  }

  async #send(id: string, maySend: MaySend): Promise<DeliveryResult | null> {
    await this.connected;
    if (!maySend(0)) return null;
    this.sent.push(id);
    return this.result === null ? new Promise((resolve) => this.#hanging.push(resolve)) : Promise.resolve(this.result);
  }

  #whileGoing<Part extends object>(part: Part): Part {
    const get = (target: Part, name: string | symbol): unknown => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return async (...given: readonly unknown[]) => {
        await this.#going;
        return Reflect.apply(member, target, given);
      };
    };
    return new Proxy(part, { get });
  }

  #nodes({ nodes }: Store): NodeStore {
    if (nodes === null) throw new Error("several nodes may share PostgreSQL");
    return {
      ...nodes,
      renewLease: async (id) => {
        await this.#going;
        if (this.isCutOff) throw new Error("The database doesn't answer");
        this.renewals += 1;
        const renewal = nodes.renewLease(id);
        this.renewal = renewal.catch(() => false);
        return renewal;
      },
    };
  }
}

let database: TestDatabase;
let stores: readonly [Store, Store];
let nodes: readonly [Node, Node];

beforeAll(async () => {
  database = await createDatabase("ownership");
  stores = [await database.openStore(), await database.openStore()];
});
beforeEach(async () => {
  await database.clear();
  nodes = [new Node(stores[0], 1), new Node(stores[1], 2)];
});
afterEach(async () => {
  for (const node of nodes) await node.stop();
});

async function callbackWith(...ids: string[]): Promise<Callback> {
  const callback = await aCallback(stores[0], { retriesEnabled: true }, 0);
  if (ids.length > 0) await accept(stores[0], callback, ids, Date.now());
  return callback;
}
const owners = async () =>
  (await database.query<{ owner: string | null }>("SELECT owner FROM callbacks ORDER BY key")).map((row) => row.owner);
const counts = ({ id }: Callback) => stores[0].calls.count(id);
const settled = (callback: Callback, succeeded: number) =>
  eventually(
    () => counts(callback),
    ({ SUCCESS }) => SUCCESS === succeeded,
  );
const sent = (node: Node, count: number) =>
  eventually(
    async () => node.sent.length,
    (length) => length === count,
  );
const renewed = (node: Node, times: number) => {
  const before = node.renewals;
  return eventually(
    async () => node.renewals,
    (renewals) => renewals >= before + times,
  );
};
const renewedTwice = (node: Node) => renewed(node, 2);
/** Ends the 15 seconds of each lease. A renewal that the database executed afterwards would begin them again. */
const expireLeases = async () => {
  for (const node of nodes) await node.renewal;
  await database.query("UPDATE dispatchers SET expires_at = clock_timestamp() - interval '1 ms'");
};

describe("two dispatchers", () => {
  it("share the callbacks evenly, and each call is sent once", async () => {
    for (const node of nodes) {
      node.result = null;
      node.start();
    }
    // A node that is alone takes all, and keeps them while attempts are in flight.
    for (const node of nodes) await renewedTwice(node);
    const callbacks = [];
    for (let index = 0; index < 6; index += 1) callbacks.push(await callbackWith(`A${index}`, `B${index}`));
    await eventually(
      async () => nodes.map(({ sent: ids }) => ids.length),
      (lengths) => lengths.every((length) => length === 6),
    );
    expect(new Set((await owners()).filter((owner) => owner !== null)).size).toBe(2);
    for (const node of nodes) node.answer(ACCEPTED);
    for (const callback of callbacks) await settled(callback, 2);
    expect(new Set(nodes.flatMap(({ sent: ids }) => ids)).size).toBe(12);
  });

  it("send what either of them accepts", async () => {
    const callback = await callbackWith();
    for (const node of nodes) node.start();
    for (const [index, node] of nodes.entries()) {
      await accept(stores[index === 0 ? 0 : 1], callback, [`A${index}`], Date.now());
      node.dispatcher.accepted(callback.id);
      await settled(callback, index + 1);
    }
  });

  it("pass a busy callback on only once nothing of it is in flight", async () => {
    const [one, two] = [await callbackWith("A"), await callbackWith("B")];
    nodes[0].result = null;
    nodes[0].start();
    await sent(nodes[0], 2);
    nodes[1].start();
    await renewedTwice(nodes[1]);
    await renewedTwice(nodes[0]);
    await renewedTwice(nodes[1]);
    expect([nodes[0].dispatcher.endpoints, new Set(await owners()).size]).toEqual([2, 1]);
    await accept(stores[0], one, ["C"], Date.now());
    await accept(stores[0], two, ["D"], Date.now());
    nodes[0].answer(ACCEPTED);
    await settled(one, 2);
    await settled(two, 2);
    await eventually(owners, (ids) => new Set(ids).size === 2);
    expect([...nodes[0].sent, ...nodes[1].sent].sort()).toEqual(["A", "B", "C", "D"]);
  });
});

describe("a dispatcher that renews its lease", () => {
  it("keeps its callbacks when the database's clock is set forward", async () => {
    const callback = await callbackWith("A", "B");
    nodes[0].result = null;
    nodes[0].start();
    await sent(nodes[0], 2);
    nodes[1].start();
    await renewedTwice(nodes[1]);
    await nodes[0].pause();
    await database.query("UPDATE dispatchers SET expires_at = expires_at - interval '10 minutes'");
    await renewed(nodes[1], 1);
    nodes[0].go();
    await renewedTwice(nodes[0]);
    nodes[0].answer(ACCEPTED);
    await settled(callback, 2);
    expect([nodes[0].sent, nodes[1].sent, nodes[0].warnings]).toEqual([["A", "B"], [], []]);
  });
});

describe("a dispatcher whose lease isn't renewed", () => {
  it("sends nothing after 12 seconds, and goes on when it is renewed", async () => {
    const callback = await callbackWith("A");
    nodes[0].start();
    await settled(callback, 1);
    nodes[0].isCutOff = true;
    await nodes[0].pause();
    nodes[0].clock.advance(12 * SECOND);
    await accept(stores[0], callback, ["B"], Date.now());
    nodes[0].dispatcher.accepted(callback.id);
    nodes[0].go();
    await eventually(
      async () => nodes[0].warnings.length,
      (count) => count >= 2,
    );
    expect(nodes[0].sent).toEqual(["A"]);
    nodes[0].isCutOff = false;
    await settled(callback, 2);
    expect(nodes[0].sent).toEqual(["A", "B"]);
  });

  it("doesn't send a large body that took too long to read", async () => {
    const callback = await callbackWith();
    const { responseMessage, ...rest } = aResponse();
    const response = { ...rest, responseMessage: { ...responseMessage, content: "x".repeat(300_000) } };
    await stores[0].calls.accept([{ callbackId: callback.id, calls: [{ id: "A", response }] }], Date.now());
    let reads = 0;
    nodes[0].onRead = () => {
      reads += 1;
      if (reads > 1) return;
      nodes[0].isCutOff = true;
      nodes[0].clock.advance(12 * SECOND);
    };
    nodes[0].start();
    await eventually(
      async () => nodes[0].warnings.length,
      (count) => count >= 2,
    );
    expect(nodes[0].sent).toEqual([]);
    nodes[0].isCutOff = false;
    await settled(callback, 1);
    expect(nodes[0].sent).toEqual(["A"]);
  });

  it("loses its callbacks to another, and nothing is recorded of what it had in flight", async () => {
    const callback = await callbackWith("A", "B");
    nodes[0].result = null;
    nodes[0].start();
    await sent(nodes[0], 2);
    nodes[0].isCutOff = true;
    await expireLeases();
    nodes[1].result = REFUSED_503;
    nodes[1].start();
    await eventually(
      () => counts(callback),
      ({ FAILED }) => FAILED === 2,
    );
    nodes[0].answer(ACCEPTED);
    await eventually(
      async () => nodes[0].warnings,
      (warnings) => JSON.stringify(warnings).includes("sent, but not recorded"),
    );
    expect(await counts(callback)).toEqual({ PENDING: 0, FAILED: 2, SUCCESS: 0 });
    expect(nodes[0].warnings).toContainEqual([
      "Calls were sent, but not recorded: another dispatcher has taken their callbacks",
      2,
    ]);
    expect(await stores[0].outages.list({ limit: 9, offset: 0 })).toMatchObject({ total: 1 });
    expect(nodes[0].dispatcher.endpoints).toBe(0);
  });

  it("keeps its callbacks if the database was away for the others too, and came back for them first", async () => {
    const callback = await callbackWith("A", "B");
    nodes[0].result = null;
    nodes[0].start();
    await sent(nodes[0], 2);
    nodes[1].start();
    await renewedTwice(nodes[1]);
    for (const node of nodes) {
      node.isCutOff = true;
      await node.pause();
      node.clock.advance(20 * SECOND);
    }
    await expireLeases();
    nodes[1].isCutOff = false;
    nodes[1].go();
    await renewedTwice(nodes[1]);
    nodes[0].isCutOff = false;
    nodes[0].go();
    nodes[0].answer(ACCEPTED);
    await settled(callback, 2);
    await renewedTwice(nodes[1]);
    expect([nodes[0].sent, nodes[1].sent]).toEqual([["A", "B"], []]);
    expect(JSON.stringify(nodes[0].warnings)).not.toContain("not recorded");
  });

  it("sends nothing when it wakes up after its lease has ended", async () => {
    const callback = await callbackWith("A");
    nodes[0].start();
    await settled(callback, 1);
    await nodes[0].pause();
    await expireLeases();
    nodes[1].start();
    await accept(stores[1], callback, ["B"], Date.now());
    nodes[1].dispatcher.accepted(callback.id);
    await settled(callback, 2);
    await accept(stores[1], callback, ["C"], Date.now());
    // The process stood still: its monotonic clock didn't.
    nodes[0].clock.advance(20 * SECOND);
    nodes[0].dispatcher.accepted(callback.id);
    nodes[0].go();
    await settled(callback, 3);
    expect([nodes[0].sent, nodes[1].sent]).toEqual([["A"], ["B", "C"]]);
  });
});

describe("a dispatcher whose lease ends while it opens a connection", () => {
  it("doesn't send what the next owner sends, and doesn't count it as an attempt", async () => {
    const callback = await callbackWith("A");
    let connect = () => {};
    nodes[0].connected = new Promise((resolve) => (connect = resolve));
    nodes[0].start();
    await eventually(
      async () => nodes[0].dispatcher.inFlight,
      (inFlight) => inFlight === 1,
    );
    await nodes[0].pause();
    await expireLeases();
    nodes[1].start();
    await settled(callback, 1);
    // The process stood still: its monotonic clock didn't.
    nodes[0].clock.advance(20 * SECOND);
    connect();
    nodes[0].go();
    await renewedTwice(nodes[0]);
    expect([nodes[0].sent, nodes[0].recorded, nodes[1].sent]).toEqual([[], [], ["A"]]);
    expect([nodes[0].dispatcher.inFlight, JSON.stringify(nodes[0].warnings)]).toEqual([
      0,
      expect.not.stringContaining("not recorded"),
    ]);
  });
});

describe("a dispatcher that loses a callback with a cancelled replay, which is then deleted", () => {
  it("goes on with the others", async () => {
    const [gone, other] = [await callbackWith("A"), await callbackWith()];
    nodes[0].result = REFUSED_503;
    nodes[0].start();
    await eventually(
      () => counts(gone),
      ({ FAILED }) => FAILED === 1,
    );
    nodes[0].onWithdraw = async () => {
      nodes[0].onWithdraw = async () => undefined;
      await stores[1].callbacks.delete(gone.id, Date.now());
      await database.query("DELETE FROM dispatchers");
      await eventually(
        async () => nodes[0].dispatcher.begunCalls(gone.id),
        (begun) => begun === null,
      );
      throw new Error("The database doesn't answer");
    };
    nodes[0].result = null;
    await stores[1].replays.request(gone.id, { id: "R", by: null, selection: { callIds: ["A"] } }, Date.now());
    await sent(nodes[0], 2);
    const cancel = { replayId: "R", now: Date.now(), policy: DEFAULT_RETRY_POLICY, random: 0.5, begunCalls: () => null };
    await stores[1].replays.cancelChunk(gone.id, cancel);
    await accept(stores[1], other, ["B"], Date.now());
    await sent(nodes[0], 3);
    nodes[0].answer(ACCEPTED);
    await settled(other, 1);
  });
});

describe("a dispatcher that stops", () => {
  it("gives its callbacks to the other at once", async () => {
    const callback = await callbackWith("A");
    nodes[0].start();
    await settled(callback, 1);
    await nodes[0].dispatcher.stop();
    nodes[1].start();
    await accept(stores[1], callback, ["B"], Date.now());
    nodes[1].dispatcher.accepted(callback.id);
    await settled(callback, 2);
    expect(nodes[1].sent).toEqual(["B"]);
  });
});

describe("a recovering endpoint", () => {
  it("starts at one request in flight with its new owner", async () => {
    const callback = await callbackWith("A", "B", "C");
    const endpoint = anEndpoint({ state: "recovering", limit: 32, recovery: 1, recoveringSince: Date.now() });
    await stores[0].outcomes.commit(aGroup({ endpoints: [{ callbackId: callback.id, endpoint, outage: null }] }));
    nodes[0].result = null;
    nodes[0].start();
    await sent(nodes[0], 1);
    await eventually(owners, ([owner]) => owner !== null);
    expect([nodes[0].sent.length, nodes[0].dispatcher.inFlight]).toEqual([1, 1]);
  });
});

describe("an endpoint that is down", () => {
  it("is probed by its owner once another node has written a replay's mark", async () => {
    const callback = await callbackWith("replayed", "next");
    await stores[0].calls.mark(callback.id, ["replayed"], "SUCCESS", Date.now());
    const now = nodes[0].clock.now();
    const clock = { downSince: now, roundAt: now, roundBeganAt: now, probeBeganAt: now };
    const endpoint = anEndpoint({ state: "down", ...clock, probeAt: now + 290 * SECOND, probeStepMs: 300 * SECOND });
    await stores[0].outcomes.commit(aGroup({ endpoints: [{ callbackId: callback.id, endpoint, outage: null }] }));
    nodes[0].start();
    await renewedTwice(nodes[0]);
    expect(nodes[0].sent).toEqual([]);
    await stores[1].calls.mark(callback.id, ["replayed"], "SUCCESS", nodes[0].clock.now(), { settledBy: "replay" });
    await sent(nodes[0], 1);
    expect([nodes[0].sent, nodes[0].clock.now() < now + 200 * SECOND]).toEqual([["next"], true]);
  });
});
