import { beforeEach, describe, expect, it } from "vitest";
import { LeasedCallbacks } from "../../../src/dispatcher/leased-callbacks.js";
import { silentLogger } from "../../../src/platform/logger.js";
import type { LeaseShare, LeaseStore, OtherLease, TakenCallbacks } from "../../../src/store/nodes/leases.js";
import { seededRandom } from "../../support/time/seeded-random.js";
import { VirtualClock } from "../../support/time/virtual-clock.js";

const SECOND = 1_000;

/** A database with one table of owners. What it answers next can be set. */
class ScriptedStore implements LeaseStore {
  readonly owners = new Map<string, { owner: string | null; fence: number }>();
  readonly living = new Set<string>();
  state: Omit<LeaseShare, "owned"> = { share: 100 };
  /** What is left of a lease is counted by the database's clock. */
  readonly others = new Map<string, { renewal: number; leftMs: number }>();
  timeline: string | null = "00000001";
  fails = false;
  /** The store does its work, and then its answer is lost. */
  loses = false;
  asked: string[] = [];

  async startLease(id: string) {
    return this.#answer("start", () => void this.living.add(id));
  }
  async renewLease(id: string) {
    return this.#answer("renew", () => this.living.has(id));
  }
  async readOthers(): Promise<ReadonlyMap<string, OtherLease>> {
    return this.#answer("others", () => new Map(Array.from(this.others, ([id, other]) => [id, { ...other }])));
  }
  async endUnrenewed(id: string, renewal: number) {
    return this.#answer(`end ${id}`, () => void (this.others.get(id)?.renewal === renewal && this.others.delete(id)));
  }
  async readShare(id: string) {
    return this.#answer("share", () => ({ ...this.state, owned: this.#ownedBy(id).size }));
  }
  async readTimeline() {
    return this.#answer("timeline", () => this.timeline);
  }
  async endLease(id: string) {
    return this.#answer("end", () => void this.living.delete(id));
  }
  async takeCallbacks(id: string, limit: number, ids?: readonly string[]): Promise<TakenCallbacks> {
    return this.#answer(`take ${ids ?? "any"}`, () => {
      const free = [...this.owners].filter(
        ([key, { owner }]) => (ids ?? [key]).includes(key) && (owner === null || !this.living.has(owner)),
      );
      const taken = free.slice(0, limit).map(([key, row]) => {
        Object.assign(row, { owner: id, fence: row.fence + 1 });
        return [key, row.fence] as const;
      });
      return { fences: new Map(taken), hasMore: free.length > limit };
    });
  }
  async listOwned(id: string) {
    return this.#answer("list", () => this.#ownedBy(id));
  }
  async releaseCallbacks(id: string, ids: readonly string[]) {
    return this.#answer(`release ${ids}`, () => {
      for (const row of ids.map((key) => this.owners.get(key))) if (row?.owner === id) row.owner = null;
    });
  }

  #ownedBy(id: string): Map<string, number> {
    return new Map([...this.owners].flatMap(([key, { owner, fence }]) => (owner === id ? [[key, fence]] : [])));
  }

  #answer<Result>(asked: string, work: () => Result): Result {
    this.asked.push(asked);
    if (this.fails) throw new Error("away");
    const result = work();
    if (this.loses) throw new Error("the answer was lost");
    return result;
  }
}

let clock: VirtualClock;
let store: ScriptedStore;
let idle: Set<string>;
let events: string[];
let leases: LeasedCallbacks;

beforeEach(() => {
  clock = new VirtualClock();
  store = new ScriptedStore();
  idle = new Set();
  events = [];
  leases = new LeasedCallbacks({ store, clock, random: seededRandom(1), logger: silentLogger });
});

const free = (...ids: string[]) => {
  for (const id of ids) store.owners.set(id, { owner: null, fence: 0 });
};
const isInUse = (id: string) => !idle.has(id);
/** Notes what has changed, and releases at once what leaves without being in use, as a dispatcher does. */
function applyChanges(): void {
  const { taken, lost, leaving, isReplaced } = leases.takeChanges(isInUse);
  const kinds = { lost, taken, leaving: leaving.filter(isInUse) };
  for (const [kind, ids] of Object.entries(kinds)) if (ids.length > 0) events.push(`${kind} ${ids}`);
  for (const id of leaving) if (idle.has(id)) leases.release(id);
  if (isReplaced) events.push("replaced");
}
/** A step, with the pause before a take, and what a dispatcher does after it. */
async function tick(): Promise<number> {
  const ticking = leases.tick().finally(applyChanges);
  let isDone = false;
  void ticking.catch(() => undefined).finally(() => (isDone = true));
  while (!isDone) {
    if (clock.nextWakeAt !== null) clock.set(clock.nextWakeAt);
    await clock.nextTurn();
  }
  return ticking;
}
/** Ticks at the times asked for, for so long. */
async function run(ms: number): Promise<void> {
  for (const end = clock.now() + ms; clock.now() < end; ) clock.set(Math.min(end, Math.max(clock.now() + 1, await tick())));
}
const fences = (...ids: string[]) => ids.map((id) => leases.fenceOf(id));

describe("a dispatcher's lease", () => {
  it("is trusted for 12 seconds from the start of the query that renewed it", async () => {
    expect(leases.isTrusted()).toBe(false);
    await tick();
    clock.advance(12 * SECOND - 1);
    expect(leases.isTrusted()).toBe(true);
    clock.advance(1);
    expect(leases.isTrusted()).toBe(false);
  });

  it("is not trusted by a wall clock that is set back", async () => {
    await tick();
    clock.advance(13 * SECOND);
    clock.jump(-10 * 60 * SECOND);
    expect(leases.isTrusted()).toBe(false);
  });

  it("is renewed every 5 seconds", async () => {
    await run(21 * SECOND);
    expect(store.asked.filter((asked) => asked === "renew")).toHaveLength(5);
  });

  it("that can't be renewed is not trusted, and everything stays once it is renewed late", async () => {
    free("A");
    await tick();
    store.fails = true;
    clock.advance(60 * SECOND);
    await expect(tick()).rejects.toThrow("away");
    expect([leases.isTrusted(), ...fences("A")]).toEqual([false, 1]);
    store.fails = false;
    await tick();
    expect([leases.isTrusted(), ...fences("A"), events]).toEqual([true, 1, ["taken A"]]);
  });

  it("that others have ended is replaced by a new one, and everything it owned is lost", async () => {
    free("A");
    await tick();
    store.living.clear();
    clock.advance(20 * SECOND);
    await tick();
    expect([leases.isTrusted(), ...fences("A")]).toEqual([false, null]);
    await tick();
    expect([leases.isTrusted(), ...fences("A"), events]).toEqual([true, 2, ["taken A", "lost A", "taken A"]]);
    expect(store.living.size).toBe(1);
  });

  it("keeps what it owns on another timeline of the database, unless the commit that took it is lost there", async () => {
    free("A", "B");
    await run(6 * SECOND);
    Object.assign(store.owners.get("B") ?? {}, { fence: 0 });
    await run(6 * SECOND);
    store.timeline = null;
    await run(6 * SECOND);
    expect([events, fences("A", "B")]).toEqual([["taken A,B"], [1, 1]]);
    store.timeline = "00000002";
    store.loses = true;
    await expect(run(6 * SECOND)).rejects.toThrow("the answer was lost");
    store.loses = false;
    await run(12 * SECOND);
    expect([events, fences("A", "B")]).toEqual([
      ["taken A,B", "lost B", "taken B", "replaced"],
      [1, 0],
    ]);
  });
});

describe("the lease of another dispatcher", () => {
  /** Renewed so many ms ago, by the database's clock. */
  const renewOther = (agoMs = 0) => {
    store.others.set("other", { renewal: (store.others.get("other")?.renewal ?? 0) + 1, leftMs: 15 * SECOND - agoMs });
  };
  /** Time goes on with the database's clock. Seconds until it is ended, or until the last of these. */
  async function secondsToEnd(most: number): Promise<number> {
    const began = clock.now();
    while (store.others.has("other") && clock.now() < began + most * SECOND) {
      await run(100);
      for (const other of store.others.values()) other.leftMs -= 100;
    }
    return (clock.now() - began) / SECOND;
  }

  it.each([
    ["15 seconds after its renewal", 2, 13],
    ["12 seconds after its renewal was seen, if that was late", 5, 12],
  ])("ends %s", async (_, seenAfter, seconds) => {
    await run(20 * SECOND);
    renewOther(seenAfter * SECOND);
    await run(5 * SECOND);
    for (const other of store.others.values()) other.leftMs -= 5 * SECOND;
    expect(await secondsToEnd(20)).toBeCloseTo(seconds - 5, 0);
  });

  it("isn't ended while it is renewed, when the database's clock is set forward", async () => {
    renewOther();
    await run(10 * SECOND);
    for (let renewals = 0; renewals < 6; renewals += 1) {
      renewOther(600 * SECOND);
      expect(await secondsToEnd(5)).toBe(5);
    }
  });

  it("ends 15 seconds after its last renewal was seen, when the database's clock is set back", async () => {
    renewOther(-600 * SECOND);
    await tick();
    expect(await secondsToEnd(30)).toBeCloseTo(15, 0);
  });

  it.each([2, 9, 60])(
    "isn't ended for 12 seconds after a renewal that was %d s late: the database may have been away for all",
    async (late) => {
      renewOther();
      await run(10 * SECOND);
      await tick();
      renewOther(20 * SECOND);
      await run(5 * SECOND);
      clock.advance((5 + late) * SECOND);
      expect(await secondsToEnd(30)).toBeCloseTo(12, 0);
    },
  );

  it.each([
    ["is ended by a dispatcher that is merely slow, even if it always is", false, true],
    ["isn't ended by one for which the database is away again and again", true, false],
  ])("%s", async (_, isAway, isEnded) => {
    renewOther(20 * SECOND);
    await run(10 * SECOND);
    for (let renewals = 0; renewals < 5; renewals += 1) {
      clock.advance(20 * SECOND);
      store.fails = isAway;
      if (isAway) await expect(tick()).rejects.toThrow("away");
      store.fails = false;
      await tick();
    }
    expect(!store.others.has("other")).toBe(isEnded);
  });
});

describe("callbacks", () => {
  it("are taken as they are wanted, together, and all that are free after each renewal", async () => {
    await tick();
    free("A", "B", "C");
    leases.requestCallbacks(["A"]);
    leases.requestCallbacks(["B", "nope"]);
    store.asked = [];
    await tick();
    expect([store.asked, fences("A", "B", "C", "nope")]).toEqual([["take A,B,nope"], [1, 1, null, null]]);
    await run(5 * SECOND);
    expect(fences("C")).toEqual([1]);
  });

  it("aren't taken on a lease that isn't trusted", async () => {
    await tick();
    free("A");
    store.fails = true;
    clock.advance(13 * SECOND);
    await expect(tick()).rejects.toThrow();
    leases.requestCallbacks(["A"]);
    store.asked = [];
    await expect(tick()).rejects.toThrow();
    expect(store.asked).toEqual(["renew"]);
  });

  it("that were taken by a query whose answer was lost are found with the next renewal", async () => {
    await tick();
    free("A");
    leases.requestCallbacks(["A"]);
    store.loses = true;
    await expect(tick()).rejects.toThrow("lost");
    expect(fences("A")).toEqual([null]);
    store.loses = false;
    await run(6 * SECOND);
    expect([fences("A"), events]).toEqual([[1], ["taken A"]]);
  });

  it("that another dispatcher has taken are lost with the next renewal", async () => {
    free("A", "B");
    await tick();
    store.living.add("other");
    store.owners.set("A", { owner: "other", fence: 2 });
    await run(6 * SECOND);
    expect([fences("A", "B"), events]).toEqual([
      [null, 1],
      ["taken A,B", "lost A"],
    ]);
  });

  it("are forgotten when a commit shows that another dispatcher has taken them, unless they were taken again since", async () => {
    free("A", "B");
    await tick();
    leases.forget("A", 0);
    leases.forget("B", 1);
    expect(fences("A", "B")).toEqual([1, null]);
  });

  it("are given back after 30 idle seconds, not earlier", async () => {
    free("A", "B");
    await tick();
    idle.add("A");
    await run(20 * SECOND);
    idle.delete("A");
    await run(10 * SECOND);
    idle.add("A");
    await run(25 * SECOND);
    expect(fences("A", "B")).toEqual([1, 1]);
    await run(16 * SECOND);
    expect(store.asked.filter((asked) => asked.startsWith("release"))).toEqual(["release A"]);
  });

  it("beyond the share are given back when another dispatcher joins: idle ones at once, others when they are at rest", async () => {
    free("A", "B", "C", "D");
    await tick();
    idle.add("C");
    store.state = { share: 2 };
    store.living.add("other");
    for (const row of store.owners.values()) expect(row.owner).not.toBeNull();
    events = [];
    clock.advance(5 * SECOND);
    store.takeCallbacks = async () => ({ fences: new Map(), hasMore: false });
    await tick();
    expect([events, fences("A", "B", "C", "D")]).toEqual([["leaving A"], [1, 1, null, 1]]);
    clock.advance(5 * SECOND);
    await tick();
    expect(events).toEqual(["leaving A"]);
    leases.release("A");
    await tick();
    expect(store.owners.get("A")?.owner).toBeNull();
  });

  it("are all given back when the dispatcher stops", async () => {
    free("A", "B");
    await tick();
    idle.add("A");
    leases.stopTaking();
    applyChanges();
    expect([events, fences("A", "B")]).toEqual([
      ["taken A,B", "leaving B"],
      [null, 1],
    ]);
    free("C");
    leases.requestCallbacks(["C"]);
    await tick();
    expect([store.owners.get("A")?.owner, ...fences("C")]).toEqual([null, null]);
    await leases.endLease();
    expect([store.living.size, ...fences("B")]).toEqual([0, null]);
  });

  it("don't keep a stop from ending when the database is away", async () => {
    await tick();
    store.fails = true;
    await leases.endLease();
    expect([leases.isTrusted(), store.asked.at(-1)]).toEqual([false, "end"]);
  });
});
