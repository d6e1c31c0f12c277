/** One run at a time sends the calls of a callback: on our service it has a lease, on the platform a lock of the operating system. */
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { CliDeps, ServiceTarget } from "../../src/cli/cli-deps.js";
import type { Client } from "../../src/client/client.js";
import { errorMessage } from "../../src/domain/errors.js";
import { openHttpClient } from "../../src/main/open-http-client.js";
import type { Clock } from "../../src/platform/clock.js";
import { systemClock } from "../../src/platform/clock.js";
import { NO_COUNTS } from "../../src/runs/journal/run-counts.js";
import { readRun } from "../../src/runs/journal/stored-runs.js";
import { planReconcile } from "../../src/runs/plan/plan-reconcile.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { type LockOptions, RunLocks } from "../../src/runs/run-locks.js";
import { planMarks, runMarks } from "../../src/runs/run-marks.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReconcile } from "../../src/runs/run-reconcile.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { runCli } from "../support/cli/run-cli.js";
import { RUN_SERVICES } from "../support/client/client-services.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { eventually } from "../support/process/whcb-process.js";
import { type CountingEndpoint, countingEndpoint, type Desk, openDesk } from "../support/replay/replay-desk.js";
import { seededRandom } from "../support/time/seeded-random.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

/** Another process gives its run another id. */
const OTHER = { who: "bob@desk", random: seededRandom(8) };
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function take(desk: Desk, options: LockOptions = {}): Promise<RunLocks> {
  const locks = await RunLocks.take(await desk.deps.client.listCallbacks(), desk.deps, options);
  closing.push(() => locks.release());
  return locks;
}

describe.each(RUN_SERVICES)("on $name", (service) => {
  async function twoDesks(): Promise<readonly [Desk, Desk]> {
    const opened = await service.open(3);
    const one = openDesk({ client: opened.client });
    // This is the same user on the same machine, in another process.
    const other = openDesk({ client: opened.client, over: { ...OTHER, runsDirectory: one.deps.runsDirectory } });
    closing.push(opened.close);
    return [one, other];
  }

  it("a second run reports who has the calls and how far that run is", async () => {
    const [one, other] = await twoDesks();
    const first = await take(one);
    const expected = `another run is working on the calls of demo: run ${first.runId} of ada@desk, none done yet`;
    await expect(take(other)).rejects.toMatchObject({ code: "unavailable", message: expected });
    // This is long before the next renewal.
    first.reportProgress({ ...NO_COUNTS, planned: 3, accepted: 2, left: 1 });
    const busy = () => take(other).then(String, errorMessage);
    await eventually(busy, (message) => message === expected.replace("none done yet", "2 of 3 calls done"), 4_000);
  });

  it("the holder isn't written through a link that another user may have made", async () => {
    const [one] = await twoDesks();
    const { runsDirectory } = one.deps;
    await (await take(one)).release();
    const [name = ""] = readdirSync(runsDirectory).filter((entry) => entry.endsWith(".lock"));
    const target = join(runsDirectory, "target");
    writeFileSync(target, "as it was");
    symlinkSync(target, join(runsDirectory, `${name}.json`));
    const locks = await take(one);
    expect(readFileSync(target, "utf8")).toBe("as it was");
    await locks.release();
  });

  it("the callback is free once the first run has released it", async () => {
    const [one, other] = await twoDesks();
    await (await take(one)).release();
    const locks = await take(other);
    expect(locks.busy).toEqual([]);
    // A lock of the operating system doesn't keep out other machines, and the question says so.
    expect(locks.isLocal).toBe(!service.isOurs);
  });

  it("a run that waits gets the lock as soon as it is free", async () => {
    const [one, other] = await twoDesks();
    const first = await take(one);
    const waited: string[] = [];
    const second = take(other, { wait: true, onWait: ({ callback }) => waited.push(callback.name) });
    while (waited.length === 0) await systemClock.nextTurn();
    await first.release();
    const locks = await second;
    expect([waited, locks.busy, locks.maySend((await one.deps.client.getCallback("demo")).id)]).toEqual([["demo"], [], true]);
  });
});

it("a service that doesn't answer any more delays the end of a run by 5 seconds at most", async () => {
  const clock = new VirtualClock();
  const platform = scriptedPlatform({ clock, callbacks: [] });
  const desk = openDesk({ transport: platform.transport(), clock });
  closing.push(desk.leave);
  const client: Client = {
    ...desk.deps.client,
    takeRunLock: async () => ({ kind: "taken" }),
    releaseRunLock: () => new Promise(() => undefined),
  };
  const locks = await RunLocks.take([{ id: "00112233445566AA", name: "demo" }], { ...desk.deps, client });
  let hasEnded = false;
  const ending = locks.release().then(() => {
    hasEnded = true;
  });
  for (let turns = 0; turns < 5; turns++) await systemClock.nextTurn();
  clock.advance(4_999);
  await systemClock.nextTurn();
  expect(hasEnded).toBe(false);
  clock.advance(1);
  await ending;
});

describe("a lease", () => {
  const demo = { id: "00112233445566AA", name: "demo" };
  const other = { run: "RUN-2", holder: "bob@desk", done: 0, total: 3 };

  /** `passes` lets time pass, and the renewal that is due then take place. */
  async function heldLease() {
    const clock = new VirtualClock();
    const desk = openDesk({ transport: scriptedPlatform({ clock, callbacks: [] }).transport(), clock });
    const service = { isBusy: false, requests: 0 };
    const client: Client = {
      ...desk.deps.client,
      async takeRunLock() {
        service.requests += 1;
        return service.isBusy ? { kind: "busy", holder: other } : { kind: "taken" };
      },
      releaseRunLock: async () => undefined,
    };
    const locks = await RunLocks.take([demo], { ...desk.deps, client });
    closing.push(desk.leave, () => locks.release());
    const passes = async (ms: number) => {
      const before = service.requests;
      clock.advance(ms);
      await eventually(
        async () => service.requests,
        (requests) => requests > before,
      );
      await systemClock.nextTurn();
    };
    return { locks, service, passes };
  }

  it("is kept by a renewal 20 seconds after the one before", async () => {
    const { locks, passes } = await heldLease();
    for (const ms of [20_000, 20_000]) await passes(ms);
    expect(locks.maySend(demo.id)).toBe(true);
  });

  it("that wasn't renewed within 20 seconds is lost, even if it could be renewed then: another run may have had it", async () => {
    const { locks, passes } = await heldLease();
    for (const ms of [20_001, 10_000]) await passes(ms);
    expect(locks.maySend(demo.id)).toBe(false);
    await locks.retake(demo);
    await passes(10_000);
    expect(locks.maySend(demo.id)).toBe(true);
  });

  it("is renewed while the run waits for another callback", async () => {
    const clock = new VirtualClock();
    const desk = openDesk({ transport: scriptedPlatform({ clock, callbacks: [] }).transport(), clock });
    const busy = { id: "FF112233445566AA", name: "busy" };
    let isBusy = true;
    let renewals = 0;
    const client: Client = {
      ...desk.deps.client,
      async takeRunLock(callbackId) {
        if (callbackId === busy.id) return isBusy ? { kind: "busy", holder: other } : { kind: "taken" };
        renewals += 1;
        return { kind: "taken" };
      },
      releaseRunLock: async () => undefined,
    };
    let waits: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (waits = resolve));
    const taking = RunLocks.take([demo, busy], { ...desk.deps, client }, { wait: true, onWait: waits });
    await waiting;
    for (const expected of [2, 3, 4]) {
      clock.advance(10_000);
      await eventually(
        async () => renewals,
        (number) => number === expected,
      );
    }
    isBusy = false;
    clock.advance(2_000);
    const locks = await taking;
    closing.push(desk.leave, () => locks.release());
    expect([demo, busy].map(({ id }) => locks.maySend(id))).toEqual([true, true]);
  });

  it("that another run had is lost, even if that run has released it since", async () => {
    const { locks, service, passes } = await heldLease();
    service.isBusy = true;
    await passes(10_000);
    service.isBusy = false;
    await passes(10_000);
    expect(locks.maySend(demo.id)).toBe(false);
  });
});

/** The time that a laptop sleeps passes on both clocks at once. */
function sleepingClock(): { readonly clock: Clock; sleep(ms: number): void } {
  let slept = 0;
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + slept,
    monotonicMs: () => systemClock.monotonicMs() + slept,
    sleepUntil: (at, signal) => systemClock.sleepUntil(at - slept, signal),
  };
  return {
    clock,
    sleep(ms) {
      slept += ms;
    },
  };
}

describe("a machine that sleeps for more than a minute in the middle of a replay", () => {
  async function interrupted(isTakenByOther: boolean, hasLeases = true) {
    const calls = platformCalls(40);
    const { clock, sleep } = sleepingClock();
    const endpoint: CountingEndpoint = await countingEndpoint((_, number) => {
      if (number === 10) {
        sleep(61_000);
        // Another run sends and marks some meanwhile.
        for (const call of calls.slice(0, 20)) call.status = "SUCCESS";
        isBusy = isTakenByOther;
      }
      return { status: 200 };
    });
    const platform = scriptedPlatform({
      clock,
      callbacks: [{ id: "00112233445566AA", name: "demo", url: endpoint.url, key: "k", calls }],
    });
    const taken: string[] = [];
    let isBusy = false;
    const desk = openDesk({ transport: platform.transport(), clock });
    const holder = { run: "RUN-2", holder: "bob@desk", done: 20, total: 40 };
    const client: Client = {
      ...desk.deps.client,
      async takeRunLock(callbackId) {
        taken.push(callbackId);
        return isBusy ? { kind: "busy", holder } : { kind: hasLeases ? "taken" : "unsupported" };
      },
      releaseRunLock: async () => undefined,
    };
    closing.push(endpoint.close, desk.leave);
    const deps = { ...desk.deps, client };
    const callbacks = await client.getAllCallbacks();
    const locks = await RunLocks.take(callbacks, deps);
    const locked = { runId: locks.runId, callbacks };
    const plan = await planReplay({ callbacks: null, calls: { filter: {} }, skipRetrying: false, locked }, deps);
    const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, concurrency: 1, locks }, deps);
    await locks.release();
    return { summary, endpoint, calls, taken };
  }

  it.each([
    ["", true],
    [", also where there are no leases", false],
  ])("takes the lock again and sends only what is still failed%s", async (_, hasLeases) => {
    const { summary, endpoint, calls, taken } = await interrupted(false, hasLeases);
    // The oldest are sent first: the last of the list.
    const settledByOthers = calls.slice(0, 20).map(({ id }) => id);
    expect(endpoint.received.filter((id) => settledByOthers.includes(id))).toEqual([]);
    expect(new Set(endpoint.received).size).toBe(20);
    expect([summary.error, summary.counts]).toMatchObject([null, { accepted: 20, skipped: { settled: 20 }, left: 0 }]);
    expect(taken.length).toBeGreaterThanOrEqual(2);
  });

  it("ends if another run has the lock, and can be resumed", async () => {
    const { summary, endpoint } = await interrupted(true);
    expect(endpoint.received.length).toBe(10);
    expect(summary).toMatchObject({ isResumable: true, error: { code: "unavailable" }, counts: { accepted: 10, left: 30 } });
  });
});

it.each(["mark-failed --success", "mark-failed --undo", "reconcile --seen"])(
  "%s marks nothing if the machine sleeps for a minute while it asks",
  async (words) => {
    const machine = new CliMachine();
    closing.push(() => machine.leave());
    await machine.serve();
    const broken = await machine.listen(["--status", "500"]);
    await machine.rehearse("demo", broken.url, 3);
    const ids = await machine.ids("demo", "--failed");
    const isReconcile = words.startsWith("reconcile");
    writeFileSync(machine.path("ids.txt"), ids.join("\n"));
    if (!isReconcile) await machine.works(["mark-success", "demo", "--failed", "--yes"]);
    const { clock, sleep } = sleepingClock();
    const openClient: CliDeps["openClient"] = async (target) => {
      const client = await openHttpClient(target as ServiceTarget & { kind: "http" }, {});
      return {
        ...client,
        getCallback: (name) => client.getCallback(name).finally(() => sleep(60_000)),
        async *listCalls(...query) {
          yield* client.listCalls(...query);
          sleep(60_000);
        },
      };
    };
    const [run] = JSON.parse(await machine.works(["runs", "list", "-o", "json"]));
    const argv =
      {
        "mark-failed --success": ["mark-failed", "demo", "--success"],
        "mark-failed --undo": ["mark-failed", "--undo", run?.runId],
        "reconcile --seen": ["reconcile", "demo", "--seen", machine.path("ids.txt")],
      }[words] ?? [];
    const asleep = { ...machine.world, deps: { ...machine.world.deps, clock, openClient } };
    expect(await runCli(asleep, argv, { canAsk: true, stdin: "y\n" })).toMatchObject({
      code: 5,
      stderr: expect.stringContaining(
        "error:\u001b[39m another run may have worked on the calls of demo meanwhile, so the rest wasn't marked\n",
      ),
    });
    expect(await machine.ids("demo", "--success")).toHaveLength(isReconcile ? 0 : 3);
  },
);

describe("a mark whose lock is lost before it is repeated", () => {
  async function markTwoCalls(
    kind: "mark-failed" | "reconcile",
    answer: { readonly status: number; readonly retryAfterS: number },
  ) {
    const calls = platformCalls(2);
    for (const call of calls) call.status = kind === "reconcile" ? "FAILED" : "SUCCESS";
    let marks = 0;
    const platform = scriptedPlatform({
      clock: systemClock,
      callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
      instead({ method }) {
        if (method !== "PUT") return null;
        marks++;
        return { status: answer.status, body: "", headers: { "retry-after": String(answer.retryAfterS) } };
      },
    });
    const clock = { ...systemClock, sleepUntil: async () => {} };
    const { deps, leave } = openDesk({ transport: platform.transport(), clock });
    closing.push(leave);
    const callback = await deps.client.getCallback("demo");
    const locks = {
      lease: { run: "RUN", holder: "ada@desk", done: 0, total: 0 },
      maySend: () => marks === 0,
      retake: async () => undefined,
      reportProgress: () => undefined,
    };
    const mark = async () => {
      if (kind === "mark-failed")
        return runMarks(await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "FAILED", deps), { locks }, deps);
      const seen = readSeenList(calls.map(({ id }) => id).join("\n"), "UTC");
      const plan = await planReconcile({ callback, seen, timezone: "UTC", country: null, sendAmbiguous: false }, deps);
      return runReconcile(plan, { ...DEFAULT_REPLAY_OPTIONS, locks }, deps);
    };
    const { header, error } = await mark();
    return { marks, error: error?.message, maybe: (await readRun(deps, header.runId)).maybeMarked.length };
  }

  const LOST = "another run may have worked on the calls of demo meanwhile, so the rest wasn't marked";

  it("isn't sent again, as another run may have delivered the calls meanwhile", async () => {
    expect(await markTwoCalls("mark-failed", { status: 429, retryAfterS: 80 })).toMatchObject({ marks: 1, error: LOST });
  });

  it("may have been executed, though its answer was a long pause", async () => {
    expect(await markTwoCalls("reconcile", { status: 503, retryAfterS: 125 })).toEqual({ marks: 1, error: LOST, maybe: 2 });
  });
});

describe.each([
  ["replay", "2 calls replayed", "failed"],
  ["mark-failed", "2 calls marked FAILED", "success"],
])("%s of ids, while another run has the calls of one callback,", (command, done, status) => {
  const BUSY_IDS = ["order-17", "order-18"];
  const FREE_IDS = ["m-1", "m-2"];
  const noBusyCall = (calls: string) => `${calls} left out: not found in the callbacks that aren't busy; `;
  const machine = () => {
    const opened = new CliMachine();
    closing.push(() => opened.leave());
    return opened;
  };

  /** The callbacks `busy` and `free` have calls of these ids, which are FAILED for a replay, else SUCCESS. */
  async function oneBusy() {
    const one = machine();
    await one.serve();
    const endpoint = await one.listen(["--status", status === "failed" ? "503" : "200"]);
    for (const [name, ids] of [
      ["busy", BUSY_IDS],
      ["free", FREE_IDS],
    ] as const) {
      await one.rehearse(name, endpoint.url, 1);
      const calls = ids.map((id) => JSON.stringify({ id, messageId: `m-${id}`, responseMessage: { content: "x" } }));
      await one.works(["trigger", name, "--file", "-"], { stdin: calls.map((call) => `${call}\n`).join("") });
      await one.settled(name);
    }
    const accepting = await one.listen();
    for (const name of ["busy", "free"]) await one.works(["callbacks", "update", name, "--url", `${accepting.url}/hook`]);
    const { id: busyId } = JSON.parse(await one.works(["callbacks", "get", "busy", "-o", "json"]));
    const holder = { run: "RUN-2", holder: "bob@desk", done: 0, total: 2 };
    const openClient: CliDeps["openClient"] = async (target) => {
      const client = await openHttpClient(target as ServiceTarget & { kind: "http" }, {});
      const takeRunLock: Client["takeRunLock"] = async (id, ...lease) =>
        id === busyId ? { kind: "busy", holder } : client.takeRunLock(id, ...lease);
      return { ...client, takeRunLock };
    };
    const world = { ...one.world, deps: { ...one.world.deps, openClient } };
    return (words: readonly string[], stdin = "") => runCli(world, [command, ...words, "--yes"], { stdin });
  }

  it("does the calls of the others, and says of no id that no call has it", async () => {
    const whcb = await oneBusy();
    const list = [...BUSY_IDS, ...FREE_IDS].map((id) => `${id}\n`).join("");
    const { code, stdout, stderr } = await whcb(["-", "--all-callbacks"], list);
    expect({ code, stdout, stderr }).toEqual({
      code: 8,
      stdout: expect.stringContaining(done),
      stderr: expect.stringContaining(`${noBusyCall("2 calls")}they may be of the busy ones\n`),
    });
    expect(stderr).toMatch(/error: another run was working on the calls of busy\n$/);
    expect(stderr).not.toMatch(/no such call|not found:|no call has/);
  });

  it("doesn't say that a call of the busy one doesn't exist", async () => {
    const whcb = await oneBusy();
    const { code, stdout, stderr } = await whcb(["-", "--all-callbacks"], "order-17\n");
    expect({ code, stdout, stderr }).toEqual({
      code: 8,
      stdout: "",
      stderr: expect.stringContaining(`${noBusyCall("1 call")}it may be of the busy ones\n`),
    });
    expect(stderr).toMatch(/error: another run was working on the calls of busy\n$/);
    expect(stderr).not.toMatch(/no such call|not found:|no call has|no failed call|no call matches/);
  });
});
