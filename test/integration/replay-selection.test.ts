/** These show what a bulk job takes and what it leaves: selections, marks, and the balance of a reconcile. */
import { readdirSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { toCurl } from "../../src/delivery/curl-command.js";
import { WhcbError } from "../../src/domain/errors.js";
import { systemClock } from "../../src/platform/clock.js";
import { readRun } from "../../src/runs/journal/stored-runs.js";
import { planReplay, previewReplay, type ReplayScope } from "../../src/runs/plan/plan-replay.js";
import type { ReplayPlan } from "../../src/runs/plan/replay-plan.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import { planMarks, planUndo, runMarks } from "../../src/runs/run-marks.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import {
  type PlatformCall,
  type PlatformOptions,
  platformCalls,
  type ScriptedPlatform,
  scriptedPlatform,
} from "../support/platform/scripted-platform.js";
import {
  type CountingEndpoint,
  countingEndpoint,
  type Desk,
  type EndpointAnswer,
  openDesk,
} from "../support/replay/replay-desk.js";
import { passTime } from "../support/time/pass-time.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

const KEY = "it's a key/with odd+letters";
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Scene {
  readonly desk: Desk;
  readonly platform: ScriptedPlatform;
  readonly endpoint: CountingEndpoint;
  readonly calls: PlatformCall[];
}

async function scene(
  calls: PlatformCall[],
  over: Partial<PlatformOptions> = {},
  answer?: (id: string, number: number) => EndpointAnswer,
): Promise<Scene> {
  const endpoint = await countingEndpoint(answer);
  const callbacks = [{ id: "00112233445566AA", name: "demo", url: endpoint.url, key: KEY, calls }];
  const platform = scriptedPlatform({ clock: systemClock, callbacks, ...over });
  const desk = openDesk({ transport: platform.transport() });
  closing.push(endpoint.close, desk.leave);
  return { desk, platform, endpoint, calls };
}

async function planned({ desk }: Scene, over: Partial<ReplayScope>): Promise<string[]> {
  const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false, ...over }, desk.deps);
  const ids = await idsOf(plan);
  await plan.discard();
  return ids;
}

/** Ids are in sending order. */
async function idsOf(plan: ReplayPlan): Promise<string[]> {
  const ids: string[] = [];
  for (const group of plan.groups) for await (const id of plan.callIds(group)) ids.push(id);
  return ids;
}

const idsWhere = (calls: readonly PlatformCall[], test: (index: number) => boolean): string[] =>
  calls.filter((_, index) => test(index)).map(({ id }) => id);
const failed = (calls: readonly PlatformCall[]): string[] =>
  calls.filter(({ status }) => status === "FAILED").map(({ id }) => id);

const MIXED = (index: number) => ({
  callback: { attemptedDate: `24/11/26 09:${String(index % 60).padStart(2, "0")}`, statusCode: index % 2 === 0 ? "503" : "404" },
});

describe("a selection", () => {
  it("isn't widened by a service that ignores the filter, and counts what is left out", async () => {
    const at = await scene(platformCalls(90, MIXED));
    const plan = await planReplay(
      { callbacks: ["demo"], calls: { filter: { statusCodes: [{ class: 5 }] } }, skipRetrying: false },
      at.desk.deps,
    );
    expect(plan).toMatchObject({ calls: 45, leftOut: 45 });
    const [group] = plan.groups;
    expect(group?.statusCodes).toEqual([{ statusCode: 503, calls: 45 }]);
    expect((await idsOf(plan)).sort()).toEqual(idsWhere(at.calls, (index) => index % 2 === 0).sort());
    await plan.discard();
  });

  it("contains only FAILED calls, whatever ids are given", async () => {
    const at = await scene(platformCalls(10));
    const [first, second] = at.calls;
    if (first) first.status = "SUCCESS";
    const ids = [first?.id ?? "", second?.id ?? "", "F".repeat(32)];
    const plan = await planReplay({ callbacks: ["demo"], calls: { callIds: ids }, skipRetrying: false }, at.desk.deps);
    await plan.discard();
    expect(plan).toMatchObject({ calls: 1, notFailed: 1, missing: ["F".repeat(32)] });
  });

  it("finds many ids among the failed calls, in upper or lower case", async () => {
    const at = await scene(platformCalls(200));
    const wanted = idsWhere(at.calls, (index) => index < 80);
    expect((await planned(at, { calls: { callIds: wanted.map((id) => id.toLowerCase()) } })).sort()).toEqual(wanted.sort());
  });

  it("is empty for no ids or a filter without a match", async () => {
    const at = await scene(platformCalls(5));
    expect(await planned(at, { calls: { callIds: [] } })).toEqual([]);
    expect(await planned(at, { calls: { filter: { channel: "VOICE" } } })).toEqual([]);
  });

  it("is oldest first: by the response's date, then the last attempt, then the list order", async () => {
    const dates = ["24/11/26 09:32", "24/11/26 09:30", "24/11/26 09:30", "23/11/26 23:59"];
    const attempts = ["24/11/26 10:00", "24/11/26 10:05", "24/11/26 10:01", "24/11/26 10:09"];
    const calls = platformCalls(4, (index) => ({
      responseMessage: { channel: "SMS", acknowledged: dates[index], content: "x" },
      callback: { attemptedDate: attempts[index], statusCode: 503 },
    }));
    const at = await scene(calls);
    expect(await planned(at, {})).toEqual([3, 2, 1, 0].map((index) => calls[index]?.id));
  });

  it("can leave out calls that the service still retries", async () => {
    const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
    const calls = platformCalls(4, (index) => ({ callback: { attemptedDate: minutesAgo(index * 6), statusCode: 503 } }));
    const at = await scene(calls, { retriesEnabled: true });
    const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: true }, at.desk.deps);
    expect(plan).toMatchObject({ calls: 2, skippedRetrying: 2 });
    await plan.discard();
    const whole = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, at.desk.deps);
    expect(whole.groups).toMatchObject([{ calls: 4, retrying: 2 }]);
    await whole.discard();
  });

  it("leaves nothing on disk, whether it was run or not", async () => {
    const at = await scene(platformCalls(5));
    await planned(at, {});
    expect(readdirSync(at.desk.deps.runsDirectory)).toEqual([]);
  });
});

describe("the platform's limits", () => {
  it("hold in every second of listing and marking; a used-up daily quota ends the run, which can be resumed", async () => {
    const clock = new VirtualClock();
    const calls = platformCalls(300);
    const endpoint = await countingEndpoint();
    const callbacks = [{ id: "00112233445566AA", name: "demo", url: endpoint.url, key: KEY, calls }];
    const platform = scriptedPlatform({ clock, callbacks, perSecond: 5, perDay: 19 });
    const desk = openDesk({ transport: platform.transport(), clock, rate: 5 });
    closing.push(endpoint.close, desk.leave);
    const scope = { callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false };
    const plan = await passTime(clock, planReplay(scope, desk.deps));
    const summary = await passTime(clock, runReplay(plan, DEFAULT_REPLAY_OPTIONS, desk.deps));
    const starts = platform.requests.map(({ atMs }) => atMs);
    for (const start of starts) expect(starts.filter((at) => at >= start && at < start + 1_000).length).toBeLessThanOrEqual(5);
    expect(plan.calls).toBe(300);
    expect(summary.error).toMatchObject({ code: "quota-exceeded" });
    expect(summary.isResumable).toBe(true);
    expect(summary.counts.toMark).toBeGreaterThan(0);
    // The rejected request was the last one sent.
    expect(platform.requests.length).toBe(20);
    expect((await readRun(desk.deps, summary.header.runId)).state).toBe("unfinished");
  });
});

describe("marks", () => {
  it("are sent in hundreds, and a call that is gone is reported while the others are marked", async () => {
    const at = await scene(platformCalls(251));
    const callIds = at.calls.map(({ id }) => id);
    const plan = await planMarks({ callbacks: ["demo"], calls: { callIds } }, "SUCCESS", at.desk.deps);
    const gone = at.calls.pop()?.id;
    const summary = await runMarks(plan, {}, at.desk.deps);
    expect(failed(at.calls)).toEqual([]);
    expect(summary.counts).toMatchObject({ planned: 251, marked: 250, notFound: 1, left: 0, toMark: 0 });
    expect(summary.troubled).toMatchObject([{ id: gone, state: "not-found" }]);
    expect(summary.error).toMatchObject({ code: "items-failed" });
    const sizes = at.platform.requests.filter(({ method }) => method === "PUT").map(({ path }) => path.split("id=").length - 1);
    expect(Math.max(...sizes)).toBe(100);
    const record = await readRun(at.desk.deps, summary.header.runId);
    expect(record).toMatchObject({ kind: "mark-success", state: "finished", counts: summary.counts });
    expect(record.calls.filter(({ state }) => state === "marked").length).toBe(250);
  });

  it("by a filter change only the matching calls", async () => {
    const at = await scene(platformCalls(60, MIXED));
    const scope = { callbacks: ["demo"], calls: { filter: { statusCodes: [{ code: 404 }] } } };
    await runMarks(await planMarks(scope, "SUCCESS", at.desk.deps), {}, at.desk.deps);
    expect(failed(at.calls)).toEqual(idsWhere(at.calls, (index) => index % 2 === 0));
    const back = await planMarks({ callbacks: null, calls: { filter: {} } }, "FAILED", at.desk.deps);
    expect(back.calls).toBe(30);
    expect((await runMarks(back, {}, at.desk.deps)).error).toBeNull();
    expect(failed(at.calls).length).toBe(60);
  });

  it.each([2, 80])("by %i ids leave out what is already SUCCESS, so that an undo doesn't make it FAILED", async (number) => {
    const at = await scene(platformCalls(100));
    const [delivered] = at.calls;
    if (delivered) delivered.status = "SUCCESS";
    const callIds = at.calls.slice(0, number).map(({ id }) => id.toLowerCase());
    const plan = await planMarks({ callbacks: ["demo"], calls: { callIds } }, "SUCCESS", at.desk.deps);
    expect(plan).toMatchObject({ calls: number - 1, already: 1, missing: [] });
    await runMarks(plan, {}, at.desk.deps);
    const undo = await planUndo(plan.runId, at.desk.deps);
    await runMarks(undo, {}, at.desk.deps);
    expect(failed(at.calls)).toEqual(at.calls.slice(1).map(({ id }) => id));
    const again = { code: "usage", message: `run ${plan.runId} was undone by run ${undo.runId}` };
    await expect(planUndo(plan.runId, at.desk.deps)).rejects.toMatchObject(again);
  });

  it("are undone to the end by resuming an interrupted undo, which leaves what was accepted meanwhile", async () => {
    const calls = platformCalls(150);
    const at = await scene(calls);
    const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", at.desk.deps);
    await runMarks(plan, {}, at.desk.deps);
    const { startedAt } = await readRun(at.desk.deps, plan.runId);
    const undo = await planUndo(plan.runId, at.desk.deps);
    let requests = 0;
    const { client } = at.desk.deps;
    const markCalls: typeof client.markCalls = async (...args) => {
      if (++requests === 2) throw new WhcbError("unavailable", "down");
      return client.markCalls(...args);
    };
    await runMarks(undo, {}, { ...at.desk.deps, client: { ...client, markCalls } });
    expect(failed(at.calls).length).toBe(100);
    const serviceFlags = ["--profile", "one"];
    await expect(planUndo(plan.runId, { ...at.desk.deps, serviceFlags })).rejects.toMatchObject({
      message: `run ${plan.runId} was undone by run ${undo.runId}, which isn't finished`,
      hint: `\`whcb replay --resume ${undo.runId} --profile one\` finishes it`,
    });
    // An attempt was in flight all the while.
    const index = at.calls.findIndex(({ status }) => status === "SUCCESS");
    const accepted = at.calls[index]?.id ?? "";
    const callback = { statusCode: "200", statusMessage: "OK", attemptedDate: new Date(startedAt - 1).toISOString() };
    at.calls.splice(index, 1, { id: accepted, status: "SUCCESS", fields: { ...at.calls[index]?.fields, callback } });
    const resumed = await resumeRun(undo.runId, { resendUnknown: false }, at.desk.deps);
    expect(resumed.counts).toMatchObject({ marked: 149, skipped: { settled: 1 }, toMark: 0 });
    expect(at.calls.filter(({ status }) => status === "SUCCESS").map(({ id }) => id)).toEqual([accepted]);
  });

  it.each([
    ["200", 0, 0],
    // Its date may be of another time zone, and the calls may have been listed long before they were marked.
    ["200", 5 * 3_600_000, 0],
    ["503", 0, 1],
  ])("are undone unless the endpoint has accepted the call: %s, %i ms before, %i undone", async (statusCode, ms, undone) => {
    const calls = platformCalls(1);
    const at = await scene(calls);
    const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", at.desk.deps);
    await runMarks(plan, {}, at.desk.deps);
    const { startedAt } = await readRun(at.desk.deps, plan.runId);
    const callback = { statusCode, statusMessage: "", attemptedDate: new Date(startedAt - ms).toISOString() };
    at.calls.splice(0, 1, { id: plan.groups[0]?.callIds[0] ?? "", status: "SUCCESS", fields: { ...calls[0]?.fields, callback } });
    expect(await planUndo(plan.runId, at.desk.deps)).toMatchObject({ calls: undone, delivered: 1 - undone });
  });

  it("end at once if the callback is gone, not call by call", async () => {
    const at = await scene(platformCalls(100));
    const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", at.desk.deps);
    const client = {
      ...at.desk.deps.client,
      markCalls: (_: string, ids: readonly string[], status: "SUCCESS" | "FAILED") =>
        at.desk.deps.client.markCalls("AA", ids, status),
      getCallback: () => at.desk.deps.client.getCallback("AA"),
    };
    const before = at.platform.requests.length;
    const summary = await runMarks(plan, {}, { ...at.desk.deps, client });
    expect(summary.error).toMatchObject({ code: "not-found", message: "demo no longer exists; 100 calls not marked" });
    expect(summary).toMatchObject({ isResumable: true, counts: { planned: 100, notFound: 0, toMark: 100 } });
    expect(at.platform.requests.length - before).toBeLessThan(5);
  });
});

describe("a preview", () => {
  it("shows each request as a shell command, without the key", async () => {
    const at = await scene(platformCalls(2));
    const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, at.desk.deps);
    const lines: string[] = [];
    for await (const previewed of previewReplay(plan, DEFAULT_REPLAY_OPTIONS, at.desk.deps)) lines.push(toCurl(previewed));
    await plan.discard();
    expect(lines.length).toBe(2);
    expect(lines[0]).toContain(`--header 'x-whispir-callback-key: '"$WHCB_CALLBACK_KEY_00112233445566AA"`);
    expect(lines.join()).not.toContain(KEY);
    expect(lines.join()).not.toContain("odd");
    expect(at.endpoint.received).toEqual([]);
  });
});
