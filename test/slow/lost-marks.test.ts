/** A request of marks whose answer was lost is undone, and takes back no later decision (docs/runs.md). */
import { afterEach, describe, expect, it } from "vitest";
import type { Client, ListedCall } from "../../src/client/client.js";
import { WhcbError } from "../../src/domain/errors.js";
import { systemClock } from "../../src/platform/clock.js";
import { planReconcile } from "../../src/runs/plan/plan-reconcile.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import type { RunDeps } from "../../src/runs/run-deps.js";
import { discardUndone, planMarks, planUndo, runMarks } from "../../src/runs/run-marks.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReconcile } from "../../src/runs/run-reconcile.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { aResponse } from "../support/builders.js";
import { clientOver, injectTransport, RUN_SERVICES } from "../support/client/client-services.js";
import { removeEnd } from "../support/replay/killed-run.js";
import { countingEndpoint, openDesk } from "../support/replay/replay-desk.js";
import { BUSY, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_SETTINGS, closeService, openService } from "../support/server/server-fixture.js";
import { minuteSkippingClock } from "../support/time/minute-skipping-clock.js";

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const NO_ANSWER = new WhcbError("unavailable", "504");
const REJECTED = new WhcbError("invalid", "no such mark");
const GONE = new WhcbError("not-found", "no such callback");

type Mark = Client["markCalls"];

function withMarks(deps: RunDeps, markCalls: Mark): RunDeps {
  return { ...deps, client: { ...deps.client, markCalls } };
}

/** Every mark is executed, and its answer is lost. */
function losing({ client }: RunDeps): Mark {
  return async (...request) => {
    await client.markCalls(...request);
    throw NO_ANSWER;
  };
}

/** All calls are listed as SUCCESS, as they were before they were made FAILED. */
function lagging(client: Client): Client {
  const asBefore = (call: ListedCall) => ({ ...call, status: "SUCCESS" as const });
  const findCalls: Client["findCalls"] = async (...wanted) => (await client.findCalls(...wanted)).map(asBefore);
  return {
    ...client,
    findCalls,
    findStates: async (...wanted) => new Map((await findCalls(...wanted)).map((call) => [call.id, call])),
    async *listCalls(callbackId, query) {
      const { status, ...filter } = query.filter;
      for await (const page of client.listCalls(callbackId, { ...query, filter })) {
        const calls = status === "FAILED" || status === "PENDING" ? [] : page.calls.map(asBefore);
        yield { ...page, calls, total: calls.length };
      }
    },
  };
}

/** Against `whcb serve`: the first callback has 120 calls, the other one 3, and all are FAILED. */
async function twoCallbacks() {
  const service = await openService();
  const client = clientOver(injectTransport(service.app));
  const submit = async (name: string, calls: number) => {
    const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, name, url: "http://127.0.0.1:9/hook" });
    const { ids } = await client.submitCalls(
      id,
      Array.from({ length: calls }, () => ({ response: aResponse() })),
    );
    await recordAttempts(service.store, await pendingCalls(service.store, id), () => ({ startedAt: Date.now(), result: BUSY }));
    return { id, ids };
  };
  const first = await submit("first", 120);
  const other = await submit("other", 3);
  const desk = openDesk({ client });
  closing.push(desk.leave, () => closeService(service));
  return { client, desk, first, other };
}

describe("a run of two callbacks, of which the first is gone for a moment, and whose mark of the other loses its answer", () => {
  it.each(["ended", "was killed"])(
    "is undone in the other alone, whatever others have marked in the first since: the run %s",
    async (how) => {
      const { client, desk, first, other } = await twoCallbacks();
      const plan = await planMarks({ callbacks: ["first", "other"], calls: { filter: {} } }, "SUCCESS", desk.deps);
      const isGone = (id: string) => id === first.id;
      const withoutFirst: Client = {
        ...client,
        getCallback: (id) => (isGone(id) ? Promise.reject(GONE) : client.getCallback(id)),
        markCalls: (...request) => (isGone(request[0]) ? Promise.reject(GONE) : losing(desk.deps)(...request)),
      };
      const { header, counts } = await runMarks(plan, {}, { ...desk.deps, client: withoutFirst });
      expect(counts).toMatchObject({ marked: 0, toMark: 123 });
      if (how === "was killed") removeEnd(header.runId, desk.deps);
      await client.markCalls(first.id, first.ids.slice(0, 100), "SUCCESS");
      const undo = await planUndo(header.runId, desk.deps);
      expect(undo.groups.map(({ callback, callIds }) => [callback.id, callIds.toSorted()])).toEqual([
        [other.id, other.ids.toSorted()],
      ]);
    },
  );
});

it("a mark-failed that waits leaves what the service has delivered since it was typed, though no answer has a time and its clock is behind", async () => {
  const { client, desk, other } = await twoCallbacks();
  const timeless: Client = { ...client, serviceNow: () => null };
  await client.markCalls(other.id, other.ids, "SUCCESS", { by: "replay" });
  const late = Date.now() + 50_000;
  const named = { callbacks: ["other"], calls: { callIds: other.ids } };
  const plan = (typed: number) =>
    planMarks(named, "FAILED", { ...desk.deps, client: timeless }, () => {}, { here: typed, service: typed });
  expect(await plan(late)).toMatchObject({ calls: 0, delivered: 3 });
  expect(await plan(late + 60_000)).toMatchObject({ calls: 3, delivered: 0 });
});

describe.each(RUN_SERVICES)("against $name", ({ open, isOurs }) => {
  async function scene(calls: number, { clock = systemClock, status = 200 } = {}) {
    const endpoint = await countingEndpoint(() => ({ status }));
    const { client, callIds, close } = await open(calls, endpoint.url);
    const desk = openDesk({ client, clock });
    closing.push(desk.leave, close, endpoint.close);
    const callback = await client.getCallback("demo");
    const successes = async () => {
      const found = await client.findCalls(callback.id, callIds);
      return found.filter(({ status }) => status === "SUCCESS").map(({ id }) => id);
    };
    const planAll = (status: "SUCCESS" | "FAILED") => planMarks({ callbacks: ["demo"], calls: { callIds } }, status, desk.deps);
    const reconcile = async (ids: readonly string[], markCalls = client.markCalls) => {
      const list = { callback, seen: readSeenList(ids.join("\n"), "UTC"), timezone: "UTC", country: null, sendAmbiguous: false };
      const plan = await planReconcile(list, desk.deps);
      return runReconcile(plan, { ...DEFAULT_REPLAY_OPTIONS, canary: false }, withMarks(desk.deps, markCalls));
    };
    return { client, callIds, desk, endpoint, successes, planAll, reconcile };
  }

  it("a mark-failed that waits leaves what a replay has had accepted since it was typed, and hasn't marked", async () => {
    const { client, desk, callIds } = await scene(2);
    const typedAt = { here: Date.now(), service: Date.now() };
    const filter = { callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false };
    const lost = withMarks(desk.deps, async () => Promise.reject(NO_ANSWER));
    const { counts } = await runReplay(await planReplay(filter, desk.deps), DEFAULT_REPLAY_OPTIONS, lost);
    expect(counts).toMatchObject({ accepted: 2, toMark: 2 });
    const named = { callbacks: ["demo"], calls: { callIds } };
    const { calls, delivered, already } = await planMarks(named, "FAILED", { ...desk.deps, client }, () => {}, typedAt);
    expect([calls, delivered, already]).toEqual(isOurs ? [0, 0, 2] : [0, 2, 0]);
  });

  it.each(["a replay", "a reconcile"])(
    "a mark-failed that is resumed leaves what %s knows to have arrived since, and hasn't marked",
    async (other) => {
      const { desk, callIds, endpoint, successes, planAll, reconcile } = await scene(3);
      await runMarks(await planAll("SUCCESS"), {}, desk.deps);
      const { header } = await runMarks(await planAll("FAILED"), {}, withMarks(desk.deps, losing(desk.deps)));
      const rejects: Mark = () => Promise.reject(REJECTED);
      const plan = () => planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps);
      const later =
        other === "a replay"
          ? await runReplay(await plan(), DEFAULT_REPLAY_OPTIONS, withMarks(desk.deps, rejects))
          : await reconcile(callIds, rejects);
      expect(later.counts).toMatchObject({ toMark: 3 });
      expect((await resumeRun(header.runId, { resendUnknown: false }, desk.deps)).counts.skipped.settled).toBe(3);
      await resumeRun(later.header.runId, { resendUnknown: false }, desk.deps);
      expect([(await successes()).length, endpoint.received.length]).toEqual([3, other === "a replay" ? 3 : 0]);
    },
  );

  it("a mark that was executed before a pause of the service counts, though its repeat is rejected", async () => {
    const { desk, client, planAll, successes } = await scene(3, { clock: minuteSkippingClock() });
    let marks = 0;
    const markCalls: Mark = async (...request) => {
      if (++marks > 1) throw REJECTED;
      await client.markCalls(...request);
      throw new WhcbError("unavailable", "503", { retryAfterMs: 60_000 });
    };
    const { header, counts } = await runMarks(await planAll("SUCCESS"), {}, withMarks(desk.deps, markCalls));
    expect([counts.marked, (await successes()).length]).toEqual([3, 3]);
    expect(await planUndo(header.runId, desk.deps)).toMatchObject({ calls: 3 });
  });

  it("an older list whose mark may be executed late is undone, though a newer list has superseded it", async () => {
    const { desk, client, callIds, successes, reconcile } = await scene(2, { status: 503 });
    const [right = ""] = callIds;
    let late: (() => Promise<unknown>) | null = null;
    const old = await reconcile(callIds, async (...request) => {
      late = () => client.markCalls(...request);
      throw NO_ANSWER;
    });
    removeEnd(old.header.runId, desk.deps);
    await reconcile([right]);
    const { error } = await resumeRun(old.header.runId, { resendUnknown: false }, desk.deps);
    expect(error).toMatchObject({ code: "unavailable", hint: expect.stringMatching(/^Type the command again after 20/) });
    await (late ?? expect.fail)();
    const undo = await planUndo(old.header.runId, desk.deps);
    await discardUndone(undo, desk.deps);
    await runMarks(undo, {}, desk.deps);
    expect(await successes()).toEqual([right]);
  });

  if (!isOurs) {
    it("what was just made FAILED is marked SUCCESS again by its ids, though a list that lags has it so", async () => {
      const { desk, client, successes, planAll, callIds } = await scene(2);
      await runMarks(await planAll("SUCCESS"), {}, desk.deps);
      await runMarks(await planAll("FAILED"), {}, desk.deps);
      const named = { callbacks: ["demo"], calls: { callIds } };
      const lags = { ...desk.deps, client: lagging(client) };
      const plan = await planMarks(named, "SUCCESS", lags);
      await runMarks(plan, {}, desk.deps);
      expect([plan.calls, (await successes()).toSorted()]).toEqual([2, callIds.toSorted()]);
      // It is the last decision, so the list may be right by now.
      expect(await planMarks(named, "SUCCESS", lags)).toMatchObject({ calls: 0, already: 2 });
    });

    it("what was just made FAILED is counted by what selects FAILED calls, and stops a reconcile, if a list that lags hasn't it so", async () => {
      const { desk, client, planAll, callIds } = await scene(3);
      await runMarks(await planAll("SUCCESS"), {}, desk.deps);
      await runMarks(await planAll("FAILED"), {}, desk.deps);
      const lags = { ...desk.deps, client: lagging(client) };
      const unlistedYet = { calls: 3, until: expect.any(Number) };
      const all = { callbacks: ["demo"], calls: { filter: {} } };
      expect(await planMarks(all, "SUCCESS", lags)).toMatchObject({ calls: 0, unlistedYet });
      const plan = await planReplay({ ...all, skipRetrying: false }, lags);
      await plan.discard();
      expect(plan).toMatchObject({ calls: 0, unlistedYet });
      const one = await planReplay({ ...all, calls: { callIds: callIds.slice(0, 1) }, skipRetrying: false }, lags);
      await one.discard();
      expect(one).toMatchObject({ calls: 0, notFailed: 1, unlistedYet: { calls: 1 } });
      const callback = await client.getCallback("demo");
      const list = { callback, seen: readSeenList("", "UTC"), timezone: "UTC", country: null, sendAmbiguous: false };
      await expect(planReconcile(list, lags)).rejects.toMatchObject({
        code: "unavailable",
        hint: expect.stringMatching(/^Type the command again after 20/),
      });
      const listed = await planReplay({ ...all, skipRetrying: false }, desk.deps);
      await listed.discard();
      expect(listed).toMatchObject({ calls: 3, unlistedYet: null });
    });

    it.each(["mark-success", "reconcile"])(
      "a %s that is resumed takes back no later mark-failed, though a list that lags still has the calls as SUCCESS",
      async (kind) => {
        const { desk, callIds, client, successes, planAll, reconcile } = await scene(2, { status: 503 });
        const losingMark = losing(desk.deps);
        const { header } =
          kind === "reconcile"
            ? await reconcile(callIds, losingMark)
            : await runMarks(await planAll("SUCCESS"), {}, withMarks(desk.deps, losingMark));
        await runMarks(await planAll("FAILED"), {}, desk.deps);
        const { counts } = await resumeRun(header.runId, { resendUnknown: false }, { ...desk.deps, client: lagging(client) });
        expect([counts.skipped.settled, await successes()]).toEqual([2, []]);
      },
    );
  }
});
