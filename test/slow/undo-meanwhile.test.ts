/** An undo and a resumed run leave what was accepted or marked since. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Client, createClient } from "../../src/client/client.js";
import { type Transport, TransportFailure, type TransportRequest } from "../../src/client/transport.js";
import { WhcbError } from "../../src/domain/errors.js";
import { systemClock } from "../../src/platform/clock.js";
import { systemRandom } from "../../src/platform/random.js";
import { discardRun, listOldRuns, readRun } from "../../src/runs/journal/stored-runs.js";
import { waitForLastRequest, waitForLateMarks } from "../../src/runs/late-marks.js";
import { latestRunToUndo } from "../../src/runs/latest-marks.js";
import { planReconcile } from "../../src/runs/plan/plan-reconcile.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import type { RunDeps } from "../../src/runs/run-deps.js";
import { discardUndone, planMarks, planUndo, runMarks } from "../../src/runs/run-marks.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { balanceOf, runReconcile } from "../../src/runs/run-reconcile.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { toPlatformDate } from "../../src/wire/dates.js";
import { ACCEPTED, aResponse, REFUSED_503 } from "../support/builders.js";
import { clientOver, injectTransport, RUN_SERVICES } from "../support/client/client-services.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { countingEndpoint, openDesk } from "../support/replay/replay-desk.js";
import { BUSY, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_SETTINGS, closeService, openService, USER } from "../support/server/server-fixture.js";
import { minuteSkippingClock } from "../support/time/minute-skipping-clock.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

it("an undo whose run goes on while it asks its question undoes nothing", async () => {
  let marks = 0;
  const clock = new VirtualClock();
  const platform = scriptedPlatform({
    clock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls: platformCalls(150) }],
    instead: ({ method, path }) =>
      method === "PUT" && path.includes("/calls?") && ++marks === 2 ? { status: 403, body: '{"errorDetail":"no"}' } : null,
  });
  const desk = openDesk({ transport: platform.transport() });
  const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const { header, counts } = await runMarks(plan, {}, desk.deps);
  const undo = await planUndo(header.runId, desk.deps);
  await resumeRun(header.runId, { resendUnknown: false }, desk.deps);
  await expect(discardUndone(undo, desk.deps)).rejects.toMatchObject({ message: expect.stringContaining("went on meanwhile") });
  expect([counts.marked, (await readRun(desk.deps, header.runId)).state]).toEqual([100, "finished"]);
  await desk.leave();
});

it("an undo leaves what was accepted, or marked by another run, while it asked its question", async () => {
  const calls = platformCalls(3);
  const [accepted = "", marked = "", undone = ""] = calls.map(({ id }) => id);
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
  });
  const desk = openDesk({ transport: platform.transport() });
  const mark = async (callIds: readonly string[], status: "SUCCESS" | "FAILED") =>
    runMarks(await planMarks({ callbacks: ["demo"], calls: { callIds } }, status, desk.deps), {}, desk.deps);
  const { header } = await mark([accepted, marked, undone], "SUCCESS");
  const undo = await planUndo(header.runId, desk.deps);
  expect(undo).toMatchObject({ calls: 3, delivered: 0 });
  await mark([marked], "FAILED");
  await mark([marked], "SUCCESS");
  const callback = { statusCode: "200", statusMessage: "OK", attemptedDate: new Date(header.startedAt).toISOString() };
  calls.splice(0, 1, { id: accepted, status: "SUCCESS", fields: { ...calls[0]?.fields, callback } });
  // It was rejected before the mark, but after it by the service's clock.
  const rejected = { ...callback, statusCode: "503", attemptedDate: new Date(Date.now() + 30_000).toISOString() };
  calls.splice(2, 1, { id: undone, status: "SUCCESS", fields: { ...calls[2]?.fields, callback: rejected } });
  expect((await runMarks(undo, {}, desk.deps)).counts).toMatchObject({ marked: 1, skipped: { settled: 2 }, toMark: 0 });
  expect(calls.filter(({ status }) => status === "FAILED").map(({ id }) => id)).toEqual([undone]);
  await desk.leave();
});

it("an undo leaves what a replay elsewhere has had accepted, though a retry failed after that", async () => {
  const service = await openService({ clock: systemClock });
  const client = clientOver(injectTransport(service.app));
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const { ids: callIds } = await client.submitCalls(id, [{ response: aResponse() }, { response: aResponse() }]);
  const [accepted = "", undone = ""] = callIds;
  await recordAttempts(service.store, await pendingCalls(service.store, id), () => ({
    startedAt: Date.now() - 1_000,
    result: BUSY,
  }));
  const desk = openDesk({ client });
  const { header } = await runMarks(
    await planMarks({ callbacks: [id], calls: { callIds } }, "SUCCESS", desk.deps),
    {},
    desk.deps,
  );
  const attempt = { callId: accepted, startedAt: Date.now() - 9_000, durationMs: 7, result: ACCEPTED };
  const replays = { sentFrom: "ada@desk", attempts: [attempt] };
  const kept = await client.markCalls(id, [accepted], "SUCCESS", { by: "replay", unlessSettled: true, replays });
  const undo = await planUndo(header.runId, desk.deps);
  expect([kept, undo]).toEqual([[accepted], expect.objectContaining({ calls: 1, delivered: 1 })]);
  await runMarks(undo, {}, desk.deps);
  const states = await client.findStates(id, callIds);
  expect([accepted, undone].map((callId) => states?.get(callId)?.status)).toEqual(["SUCCESS", "FAILED"]);
  await desk.leave();
  await closeService(service);
});

it("an undo takes back a request that was executed, though its answer was lost after Ctrl-C", async () => {
  const calls = platformCalls(250);
  const ctrlC = new AbortController();
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
  });
  const desk = openDesk({ transport: platform.transport() });
  const { client } = desk.deps;
  let marks = 0;
  const markCalls: typeof client.markCalls = async (...request) => {
    const left = await client.markCalls(...request);
    if (++marks !== 2) return left;
    ctrlC.abort();
    throw new WhcbError("unavailable", "504");
  };
  const deps = { ...desk.deps, client: { ...client, markCalls } };
  const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", deps);
  const { header, counts, error } = await runMarks(plan, { signal: ctrlC.signal }, deps);
  expect({ marked: counts.marked, error: error?.code }).toEqual({ marked: 100, error: "interrupted" });
  const undo = await planUndo(header.runId, deps);
  await discardUndone(undo, deps);
  await runMarks(undo, {}, deps);
  expect(calls.filter(({ status }) => status === "SUCCESS")).toEqual([]);
  await desk.leave();
});

it("a run that was killed before its mark was answered, and given up, is the latest one to undo", async () => {
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls: platformCalls(2) }],
  });
  const desk = openDesk({ transport: platform.transport() });
  const { client } = desk.deps;
  const markCalls: typeof client.markCalls = async (...request) => {
    await client.markCalls(...request);
    throw new WhcbError("unavailable", "504");
  };
  const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const { header, counts } = await runMarks(plan, {}, { ...desk.deps, client: { ...client, markCalls } });
  await discardRun(desk.deps, header.runId);
  expect([counts.marked, (await latestRunToUndo(desk.deps))?.runId]).toEqual([0, header.runId]);
  await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  expect(await latestRunToUndo(desk.deps)).toBeNull();
  await desk.leave();
});

it("an undo waits for a request that the network has kept, and what comes later isn't executed", async () => {
  let arrive: () => Promise<unknown> = async () => undefined;
  const clock = minuteSkippingClock(() => arrive());
  const service = await openService({ clock });
  const inner = injectTransport(service.app);
  const ctrlC = new AbortController();
  const kept: TransportRequest[] = [];
  let isHanging = false;
  const transport = withMarks(inner, async (request) => {
    if (!isHanging) return inner.send(request);
    isHanging = false;
    kept.push(request);
    ctrlC.abort();
    throw CUT;
  });
  const late = async () => (await inner.send(kept[0] ?? expect.fail("no mark was sent"))).status;
  const client = createClient(transport, { credentials: USER, rate: null, timezone: "UTC", clock, random: systemRandom });
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const {
    ids: [callId = ""],
  } = await client.submitCalls(id, [{ response: aResponse() }]);
  await client.markCalls(id, [callId], "SUCCESS");
  await client.markCalls(id, [callId], "FAILED");
  const desk = openDesk({ client, clock });
  const plan = await planMarks({ callbacks: [id], calls: { callIds: [callId] } }, "SUCCESS", desk.deps);
  isHanging = true;
  const { header } = await runMarks(plan, { signal: ctrlC.signal }, desk.deps);
  arrive = async () => expect(await late()).toBe(204);
  const waits: string[] = [];
  await waitForLastRequest(header.runId, desk.deps, (runId) => void waits.push(runId));
  const undo = await planUndo(header.runId, desk.deps);
  await discardUndone(undo, desk.deps);
  await runMarks(undo, {}, desk.deps);
  expect([waits, await late(), (await client.getCall(id, callId)).status]).toEqual([[header.runId], 412, "FAILED"]);
  await desk.leave();
  await closeService(service);
});

it("a mark-failed that is resumed leaves what was accepted while it asked its question", async () => {
  const calls = platformCalls(2);
  for (const call of calls) call.status = "SUCCESS";
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
  });
  let minutesLater = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + minutesLater * 60_000 };
  const desk = openDesk({ transport: platform.transport(), clock });
  const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "FAILED", desk.deps);
  const callback = { statusCode: "200", statusMessage: "OK", attemptedDate: new Date(plan.listedAt).toISOString() };
  const [accepted = calls[1]] = calls.splice(0, 1);
  calls.unshift({ id: accepted?.id ?? "", status: "SUCCESS", fields: { ...accepted?.fields, callback } });
  minutesLater = 5;
  const ctrlC = new AbortController();
  ctrlC.abort();
  await runMarks(plan, { signal: ctrlC.signal }, desk.deps);
  const { counts } = await resumeRun(plan.runId, { resendUnknown: false }, desk.deps);
  expect(counts).toMatchObject({ marked: 1, skipped: { settled: 1 }, toMark: 0 });
  expect(calls.map(({ status }) => status)).toEqual(["SUCCESS", "FAILED"]);
  await desk.leave();
});

it("a mark leaves what was taken back while it asked its question", async () => {
  const service = await openService({ clock: systemClock });
  const inner = injectTransport(service.app);
  const client = createClient(inner, {
    credentials: USER,
    rate: null,
    timezone: "UTC",
    clock: systemClock,
    random: systemRandom,
  });
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const { ids: callIds } = await client.submitCalls(id, [{ response: aResponse() }, { response: aResponse() }]);
  const [takenBack = "", marked = ""] = callIds;
  for (const status of ["SUCCESS", "FAILED"] as const) await client.markCalls(id, callIds, status);
  const desk = openDesk({ client });
  await desk.deps.clock.sleepUntil(Date.now() + 2);
  const plan = await planMarks({ callbacks: [id], calls: { filter: {} } }, "SUCCESS", desk.deps);
  for (const status of ["SUCCESS", "FAILED"] as const) await client.markCalls(id, [takenBack], status);
  const { counts, error } = await runMarks(plan, {}, desk.deps);
  expect([plan.calls, counts.marked, counts.skipped]).toEqual([2, 1, { settled: 0, order: 0, reopened: 1 }]);
  expect(error).toMatchObject({
    code: "items-failed",
    message: "1 call left as it is, as it became FAILED or was sent again since",
  });
  expect((await client.getCall(id, takenBack)).status).toBe("FAILED");
  expect((await client.getCall(id, marked)).status).toBe("SUCCESS");
  await desk.leave();
  await closeService(service);
});

it.each([
  ["after the listing", 12],
  ["before the listing, and was stored after it", 2_000],
  ["with the clock set back by 30 seconds", 30_000],
  ["with the clock set back by two hours", 2 * 3_600_000],
])(
  "a mark, also a resumed one, leaves what the service has retried since it was listed (the retry ended %s)",
  async (_, agoMs) => {
    let aheadMs = 0;
    const service = await openService({ clock: { ...systemClock, now: () => systemClock.now() + aheadMs } });
    const client = clientOver(injectTransport(service.app));
    const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
    const { ids: callIds } = await client.submitCalls(
      id,
      Array.from({ length: 6 }, () => ({ response: aResponse() })),
    );
    const [asked = "", takenBack = "", resumed = "", resumedTakenBack = "", ...same] = callIds;
    await recordAttempts(service.store, await pendingCalls(service.store, id), () => ({
      startedAt: Date.now() - 60_000,
      result: BUSY,
    }));
    const desk = openDesk({ client });
    const planFor = (ids: readonly string[]) => planMarks({ callbacks: [id], calls: { callIds: ids } }, "SUCCESS", desk.deps);
    const plan = await planFor([asked, takenBack, ...same.slice(1)]);
    const interrupted = await planFor([resumed, resumedTakenBack, ...same.slice(0, 1)]);
    aheadMs = agoMs < 30_000 ? 0 : -agoMs;
    for (const callId of [asked, resumed]) {
      const call = await service.store.calls.find(id, callId);
      const retried = () => ({ cause: "retry" as const, startedAt: Date.now() - agoMs, result: REFUSED_503 });
      await recordAttempts(service.store, call === null ? [] : [call], retried);
    }
    for (const status of ["SUCCESS", "FAILED"] as const) await client.markCalls(id, [takenBack, resumedTakenBack], status);
    const first = await runMarks(plan, {}, desk.deps);
    await runMarks(interrupted, { signal: AbortSignal.abort() }, desk.deps);
    const second = await resumeRun(interrupted.runId, { resendUnknown: false }, desk.deps);
    for (const { counts } of [first, second]) expect([counts.marked, counts.skipped.reopened]).toEqual([1, 2]);
    const states = await client.findStates(id, callIds);
    expect(callIds.map((callId) => states?.get(callId)?.status)).toEqual([
      ...Array.from({ length: 4 }, () => "FAILED"),
      ...["SUCCESS", "SUCCESS"],
    ]);
    await desk.leave();
    await closeService(service);
  },
);

it("a mark-failed doesn't count what somebody has made FAILED while it asked its question, so its undo leaves that", async () => {
  const service = await openService({ clock: systemClock });
  const client = clientOver(injectTransport(service.app));
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const { ids: callIds } = await client.submitCalls(id, [
    { response: aResponse() },
    { response: aResponse() },
    { response: aResponse() },
  ]);
  const [others = "", own = "", resumed = ""] = callIds;
  await client.markCalls(id, callIds, "SUCCESS");
  const desk = openDesk({ client });
  const scope = (ids: readonly string[]) => ({ callbacks: [id], calls: { callIds: ids } });
  const plan = await planMarks(scope([others, own]), "FAILED", desk.deps);
  const interrupted = await planMarks(scope([resumed]), "FAILED", desk.deps);
  await client.markCalls(id, [others, resumed], "FAILED");
  const { counts, header } = await runMarks(plan, {}, desk.deps);
  const ctrlC = new AbortController();
  ctrlC.abort();
  await runMarks(interrupted, { signal: ctrlC.signal }, desk.deps);
  const resumedRun = await resumeRun(interrupted.runId, { resendUnknown: false }, desk.deps);
  const marked = (await readRun(desk.deps, header.runId)).calls.filter(({ isMarked }) => isMarked);
  expect([counts.marked, counts.skipped.settled, marked.map((call) => call.id)]).toEqual([1, 1, [own]]);
  expect([resumedRun.counts.marked, resumedRun.counts.skipped.settled]).toEqual([0, 1]);
  await desk.leave();
  await closeService(service);
});

it("a mark leaves what a replay, begun while it asked its question, has had rejected so far", async () => {
  const service = await openService({ clock: systemClock });
  let reachFourth = (): void => {};
  let endMark = (): void => {};
  const fourth = new Promise<void>((resolve) => (reachFourth = resolve));
  const marked = new Promise<void>((resolve) => (endMark = resolve));
  const endpoint = await countingEndpoint((_, number) => {
    if (number === 4) reachFourth();
    return { status: 404, ...(number === 4 && { after: marked }) };
  });
  const inner = createClient(injectTransport(service.app), {
    ...{ credentials: USER, rate: null, timezone: "UTC", clock: systemClock, random: systemRandom },
  });
  const reports: Promise<unknown>[] = [];
  const recordReplays: Client["recordReplays"] = (...report) => {
    const reported = inner.recordReplays(...report);
    reports.push(reported);
    return reported;
  };
  const client = { ...inner, recordReplays };
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: endpoint.url });
  const { ids: callIds } = await client.submitCalls(
    id,
    Array.from({ length: 5 }, () => ({ response: aResponse() })),
  );
  for (const status of ["SUCCESS", "FAILED"] as const) await client.markCalls(id, callIds, status);
  // Each request takes a second.
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + 1_000 * endpoint.received.length };
  const desk = openDesk({ client, clock });
  await desk.deps.clock.sleepUntil(Date.now() + 2);
  const plan = await planMarks({ callbacks: [id], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const replaying = replayAll(id, desk.deps);
  await fourth;
  await Promise.all(reports);
  const { counts } = await runMarks(plan, {}, desk.deps);
  endMark();
  await replaying;
  expect([counts.marked, counts.skipped]).toEqual([2, { settled: 0, order: 0, reopened: 3 }]);
  await desk.leave();
  await endpoint.close();
  await closeService(service);
});

it("a mark leaves what a client whose clock is behind has had rejected while it asked its question, and the list says why", async () => {
  const service = await openService({ clock: systemClock });
  const endpoint = await countingEndpoint(() => ({ status: 404 }));
  const client = clientOver(injectTransport(service.app));
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: endpoint.url });
  const {
    ids: [callId = ""],
  } = await client.submitCalls(id, [{ response: aResponse() }]);
  await recordAttempts(service.store, await pendingCalls(service.store, id), () => ({
    startedAt: Date.now() - 1_000,
    result: BUSY,
  }));
  const desk = openDesk({ client });
  const plan = await planMarks({ callbacks: [id], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const behind = { ...systemClock, now: () => systemClock.now() - 50_000 };
  const others = createClient(injectTransport(service.app), {
    ...{ credentials: USER, rate: null, timezone: "UTC", clock: behind, random: systemRandom },
  });
  const otherDesk = openDesk({ client: others, clock: behind });
  await replayAll(id, otherDesk.deps);
  const { counts } = await runMarks(plan, {}, desk.deps);
  expect([counts.marked, counts.skipped.reopened]).toEqual([0, 1]);
  expect(await client.getCall(id, callId)).toMatchObject({ status: "FAILED", statusCode: 404 });
  await otherDesk.leave();
  await desk.leave();
  await endpoint.close();
  await closeService(service);
});

async function replayAll(callbackId: string, deps: RunDeps): Promise<void> {
  const plan = await planReplay({ callbacks: [callbackId], calls: { filter: {} }, skipRetrying: false }, deps);
  await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, concurrency: 1, canary: false }, deps);
}

it.each([
  { ended: "before it, and was made FAILED on purpose", durationMs: 10, status: "FAILED" },
  { ended: "after it", durationMs: 30_000, status: "SUCCESS" },
])("an undo looks at when the accepted attempt of a call ended: $ended", async ({ durationMs, status }) => {
  const service = await openService({ clock: systemClock });
  // A service of an earlier version doesn't say when a call has changed.
  const present = clientOver(injectTransport(service.app));
  const findCalls: Client["findCalls"] = async (...named) =>
    (await present.findCalls(...named)).map(({ changedAt: _, ...call }) => call);
  const client: Client = { ...present, findCalls };
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const {
    ids: [callId = ""],
  } = await client.submitCalls(id, [{ response: aResponse() }]);
  const attempt = { callId, startedAt: Date.now() - 20_000, durationMs, result: ACCEPTED };
  const replays = { sentFrom: "ops@laptop", attempts: [attempt] };
  await client.markCalls(id, [callId], "SUCCESS", { by: "replay", replays });
  await client.markCalls(id, [callId], "FAILED");
  const desk = openDesk({ client });
  const plan = await planMarks({ callbacks: [id], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const { header } = await runMarks(plan, {}, desk.deps);
  const { counts } = await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  expect([counts.marked, (await client.getCall(id, callId)).status]).toEqual([status === "FAILED" ? 1 : 0, status]);
  await desk.leave();
  await closeService(service);
});

it("an undo leaves what was accepted before the mark, and is reported after it", async () => {
  const service = await openService({ clock: systemClock });
  const client = clientOver(injectTransport(service.app));
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const { ids: callIds } = await client.submitCalls(id, [{ response: aResponse() }, { response: aResponse() }]);
  const [accepted = "", other = ""] = callIds;
  for (const status of ["SUCCESS", "FAILED"] as const) await client.markCalls(id, callIds, status);
  const attempt = { callId: accepted, startedAt: Date.now(), durationMs: 1, result: ACCEPTED };
  const desk = openDesk({ client });
  await desk.deps.clock.sleepUntil(Date.now() + 5);
  const plan = await planMarks({ callbacks: [id], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const { header } = await runMarks(plan, {}, desk.deps);
  await client.recordReplays(id, { sentFrom: "ops@laptop", attempts: [attempt] });
  const undo = await planUndo(header.runId, desk.deps);
  await runMarks(undo, {}, desk.deps);
  expect([undo.delivered, (await client.getCall(id, accepted)).status]).toEqual([1, "SUCCESS"]);
  expect((await client.getCall(id, other)).status).toBe("FAILED");
  await desk.leave();
  await closeService(service);
});

it("an undo takes back what was accepted and lost before the mark, while the service's clock was ahead", async () => {
  let aheadMs = 2 * 3_600_000;
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  const service = await openService({ clock });
  const client = clientOver(injectTransport(service.app));
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const {
    ids: [callId = ""],
  } = await client.submitCalls(id, [{ response: aResponse() }]);
  const attempt = { callId, startedAt: clock.now(), durationMs: 1, result: ACCEPTED };
  const replays = { sentFrom: "ops@laptop", attempts: [attempt] };
  await client.markCalls(id, [callId], "SUCCESS", { by: "replay", replays });
  aheadMs = 0;
  await client.markCalls(id, [callId], "FAILED");
  const desk = openDesk({ client });
  const plan = await planMarks({ callbacks: [id], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const { header } = await runMarks(plan, {}, desk.deps);
  await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  expect(await client.getCall(id, callId)).toMatchObject({ status: "FAILED", statusCode: 200 });
  await desk.leave();
  await closeService(service);
});

/** A run marks all of the platform's calls SUCCESS. */
async function markOnPlatform(
  calls: ReturnType<typeof platformCalls>,
  instead?: Parameters<typeof scriptedPlatform>[0]["instead"],
) {
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
    ...(instead && { instead }),
  });
  const desk = openDesk({ transport: platform.transport() });
  const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const { header } = await runMarks(plan, {}, desk.deps);
  return { desk, header };
}

it("an undo of which no call was found, as a gateway answered, may be made again", async () => {
  const calls = platformCalls(2);
  let isAway = false;
  const { desk, header } = await markOnPlatform(calls, ({ method }) =>
    isAway && method === "PUT" ? { status: 410, body: "<h1>Gone</h1>" } : null,
  );
  isAway = true;
  const { counts } = await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  isAway = false;
  await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  expect([counts.notFound, calls.map(({ status }) => status)]).toEqual([2, ["FAILED", "FAILED"]]);
  await desk.leave();
});

it("a mark to which a gateway answers that it waited for too long (408) may have been executed, and is undone", async () => {
  const calls = platformCalls(1);
  let isStalled = true;
  const { desk, header } = await markOnPlatform(calls, ({ method }) => {
    if (method !== "PUT" || !isStalled) return null;
    for (const call of calls) call.status = "SUCCESS";
    return { status: 408, body: "stream timeout" };
  });
  isStalled = false;
  const undo = await planUndo(header.runId, desk.deps);
  await discardUndone(undo, desk.deps);
  await runMarks(undo, {}, desk.deps);
  expect(calls.map(({ status }) => status)).toEqual(["FAILED"]);
  await desk.leave();
});

it("an undo that was discarded may be made again, unless it had ended", async () => {
  const calls = platformCalls(2);
  const { desk, header } = await markOnPlatform(calls);
  const ctrlC = new AbortController();
  ctrlC.abort();
  const undo = await runMarks(await planUndo(header.runId, desk.deps), { signal: ctrlC.signal }, desk.deps);
  await expect(planUndo(header.runId, desk.deps)).rejects.toMatchObject({ code: "usage" });
  await discardRun(desk.deps, undo.header.runId);
  const again = await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  expect(calls.map(({ status }) => status)).toEqual(["FAILED", "FAILED"]);
  await discardRun(desk.deps, again.header.runId);
  await expect(planUndo(header.runId, desk.deps)).rejects.toMatchObject({ code: "usage" });
  await desk.leave();
});

const HOUR_AHEAD = { ...systemClock, now: () => systemClock.now() + 3_600_000 };

const CUT = new TransportFailure("cut", "the connection was cut");

const REJECTION = '{"errorSummary":"No","errorText":"No","errorDetail":"no"}';

/** Requests that mark are sent by `sendMark`. */
function withMarks(transport: Transport, sendMark: Transport["send"]): Transport {
  const isMark = ({ method, path }: TransportRequest): boolean => method === "PUT" && path.includes("/calls?");
  return { ...transport, send: (request) => (isMark(request) ? sendMark(request) : transport.send(request)) };
}

function withDates(transport: Transport, aheadMs = 0): Transport {
  return {
    ...transport,
    async send(request) {
      const answer = await transport.send(request);
      return { ...answer, headers: { ...answer.headers, date: new Date(Date.now() + aheadMs).toUTCString() } };
    },
  };
}

describe.each([
  ["the service's clock was", 0],
  ["both clocks were", 3_600_000],
])("though %s set back by an hour since the runs before", (_, machineAheadMs) => {
  async function scene() {
    const calls = platformCalls(2);
    const platform = scriptedPlatform({
      clock: systemClock,
      callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
    });
    const before = openDesk({
      transport: withDates(platform.transport(), 3_600_000),
      clock: { ...systemClock, now: () => systemClock.now() + machineAheadMs },
    });
    const after = openDesk({ transport: withDates(platform.transport()) });
    const deps = { ...after.deps, runsDirectory: before.deps.runsDirectory };
    const markAll = async (status: "SUCCESS" | "FAILED", at: RunDeps) =>
      runMarks(await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, status, at), {}, at);
    return {
      before: before.deps,
      after: deps,
      markAll,
      statuses: () => calls.map(({ status }) => status),
      leave: async () => {
        await before.leave();
        await after.leave();
      },
    };
  }

  it("a run that is resumed leaves what a later mark-failed has marked", async () => {
    const { before, after, markAll, statuses, leave } = await scene();
    const { header } = await markAll("SUCCESS", { ...before, client: loseMark(1, before.client) });
    await markAll("FAILED", after);
    const { counts } = await resumeRun(header.runId, { resendUnknown: false }, after);
    expect([counts.skipped.settled, ...statuses()]).toEqual([2, "FAILED", "FAILED"]);
    await leave();
  });

  it("an undo takes back what runs before had marked, too", async () => {
    const { before, after, markAll, statuses, leave } = await scene();
    await markAll("SUCCESS", before);
    await markAll("FAILED", before);
    const { header } = await markAll("SUCCESS", after);
    await runMarks(await planUndo(header.runId, after), {}, after);
    expect(statuses()).toEqual(["FAILED", "FAILED"]);
    await leave();
  });
});

it("an undo leaves what another run has marked later, whatever the service was called then and this machine's clock was", async () => {
  const calls = platformCalls(3);
  const [marked = ""] = calls.map(({ id }) => id);
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
  });
  const transport = withDates(platform.transport());
  const desk = openDesk({ transport, clock: HOUR_AHEAD });
  const again = openDesk({ transport: { ...transport, name: "http://localhost" } });
  const { header } = await runMarks(
    await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", desk.deps),
    {},
    desk.deps,
  );
  const deps = { ...again.deps, runsDirectory: desk.deps.runsDirectory };
  const named = { callbacks: ["demo"], calls: { callIds: [marked] } };
  for (const status of ["FAILED", "SUCCESS"] as const) await runMarks(await planMarks(named, status, deps), {}, deps);
  const undo = await runMarks(await planUndo(header.runId, deps), {}, deps);
  expect(calls.filter(({ status }) => status === "SUCCESS").map(({ id }) => id)).toEqual([marked]);
  await expect(planUndo(header.runId, desk.deps)).rejects.toMatchObject({
    message: `run ${header.runId} was undone by run ${undo.header.runId}`,
  });
  await desk.leave();
  await again.leave();
});

it("an undo of a reconcile that would discard what has arrived, and isn't marked, names the run that marks it", async () => {
  const endpoint = await countingEndpoint(() => ({ status: 200 }));
  const calls = platformCalls(2);
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: endpoint.url, key: "k", calls }],
  });
  const desk = openDesk({ transport: platform.transport() });
  const { client } = desk.deps;
  const seen = readSeenList(calls[0]?.id ?? "", "UTC");
  const callback = await client.getCallback("demo");
  const plan = await planReconcile({ callback, seen, timezone: "UTC", country: null, sendAmbiguous: false }, desk.deps);
  let marks = 0;
  const markCalls: Client["markCalls"] = () => Promise.reject(new WhcbError(++marks === 1 ? "invalid" : "unavailable", "no"));
  const { header } = await runReconcile(plan, DEFAULT_REPLAY_OPTIONS, { ...desk.deps, client: { ...client, markCalls } });
  const serviceFlags = ["--service", "https://one.invalid"];
  await expect(planUndo(header.runId, { ...desk.deps, serviceFlags })).rejects.toMatchObject({
    message: `run ${header.runId} hasn't marked 1 call that arrived: an undo would discard it, and a replay send them again`,
    hint: `\`whcb replay --resume ${header.runId} --service https://one.invalid\` marks what has arrived; undo the run afterwards`,
  });
  await resumeRun(header.runId, { resendUnknown: false }, desk.deps);
  await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  expect([endpoint.received.length, calls.map(({ status }) => status)]).toEqual([1, ["FAILED", "SUCCESS"]]);
  await desk.leave();
  await endpoint.close();
});

/** This mark is executed, and its answer is lost. */
function loseMark(number: number, client: Client): Client {
  let marks = 0;
  return {
    ...client,
    async markCalls(...request) {
      const left = await client.markCalls(...request);
      if (++marks === number) throw new WhcbError("unavailable", "504");
      return left;
    },
  };
}

/** No mark is executed, and none is answered. */
function neverMarks(client: Client): Client {
  return { ...client, markCalls: () => Promise.reject(new WhcbError("unavailable", "504")) };
}

describe.each(RUN_SERVICES)("a run of mark-success against $name", ({ open, isOurs }) => {
  const closing: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function scene(calls: number) {
    const opened = await open(calls);
    const desk = openDesk({ client: opened.client });
    closing.push(desk.leave, opened.close);
    const { id: callbackId } = await opened.client.getCallback("demo");
    const plan = (callIds = opened.callIds) => planMarks({ callbacks: ["demo"], calls: { callIds } }, "SUCCESS", desk.deps);
    const successIds = async (): Promise<readonly string[]> => {
      const found = await opened.client.findCalls(callbackId, opened.callIds);
      return found.filter(({ status }) => status === "SUCCESS").map(({ id }) => id);
    };
    const planList = async (callIds: readonly string[]) => {
      const [callback, seen] = [await opened.client.getCallback("demo"), readSeenList(callIds.join("\n"), "UTC")];
      return planReconcile({ callback, seen, timezone: "UTC", country: null, sendAmbiguous: false }, desk.deps);
    };
    return { ...opened, desk, callbackId, plan, planList, successIds };
  }

  it("or of a reconcile whose answer was lost is undone with what that had", async () => {
    const { desk, planList, callIds, client, successIds } = await scene(130);
    const plan = await planList(callIds);
    const { header, counts } = await runReconcile(plan, DEFAULT_REPLAY_OPTIONS, { ...desk.deps, client: loseMark(2, client) });
    expect([counts.marked, (await successIds()).length]).toEqual([100, 130]);
    const undo = await planUndo(header.runId, desk.deps);
    await discardUndone(undo, desk.deps);
    await runMarks(undo, {}, desk.deps);
    expect(await successIds()).toEqual([]);
  });

  it("leaves in its undo what a reconcile has marked since, until that is undone, too", async () => {
    const { desk, plan, planList, callIds, callbackId, client, successIds } = await scene(2);
    const { header } = await runMarks(await plan(), {}, desk.deps);
    await client.markCalls(callbackId, callIds, "FAILED");
    const list = await runReconcile(await planList(callIds), DEFAULT_REPLAY_OPTIONS, desk.deps);
    const undo = await planUndo(header.runId, desk.deps);
    expect([undo.calls, Array.from(undo.markedBy, ([run, calls]) => [run.runId, calls])]).toEqual([0, [[list.header.runId, 2]]]);
    await runMarks(undo, {}, desk.deps);
    await runMarks(await planUndo(list.header.runId, desk.deps), {}, desk.deps);
    expect(await successIds()).toEqual([]);
  });

  it("undoes nothing that another run marked while it asked its question", async () => {
    const { desk, plan, callIds, successIds } = await scene(3);
    const asking = await plan();
    await runMarks(await plan(callIds.slice(0, 1)), {}, desk.deps);
    await runMarks(asking, {}, desk.deps);
    await runMarks(await planUndo(asking.runId, desk.deps), {}, desk.deps);
    expect(await successIds()).toEqual(callIds.slice(0, 1));
  });

  if (isOurs)
    it("leaves and counts what was marked elsewhere while it asked its question", async () => {
      const { desk, plan, client, callbackId, callIds, successIds } = await scene(3);
      const asking = await plan();
      await client.markCalls(callbackId, callIds.slice(0, 1), "SUCCESS");
      // Marks of one instant count as one, and the client knows that of the service only to what its last request took.
      await desk.deps.clock.sleepUntil(desk.deps.clock.now() + 300);
      const { counts, error } = await runMarks(asking, {}, desk.deps);
      expect({ error, counts }).toMatchObject({ error: null, counts: { marked: 2, skipped: { settled: 1 }, toMark: 0 } });
      await runMarks(await planUndo(asking.runId, desk.deps), {}, desk.deps);
      expect(await successIds()).toEqual(callIds.slice(0, 1));
    });

  if (isOurs)
    it("or a reconcile leaves what somebody has marked while it asked its question", async () => {
      const { desk, planList, client, callbackId, callIds, successIds } = await scene(3);
      const asking = await planList(callIds);
      await client.markCalls(callbackId, callIds.slice(0, 1), "SUCCESS");
      await desk.deps.clock.sleepUntil(desk.deps.clock.now() + 300);
      const summary = await runReconcile(asking, DEFAULT_REPLAY_OPTIONS, desk.deps);
      expect(balanceOf(summary)).toMatchObject({ failed: 3, seen: 2, settledMeanwhile: 1, missing: 0 });
      await runMarks(await planUndo(summary.header.runId, desk.deps), {}, desk.deps);
      expect(await successIds()).toEqual(callIds.slice(0, 1));
    });

  if (isOurs)
    it("is undone where the same database is served at another address", async () => {
      const { desk, plan, client, successIds } = await scene(2);
      const known = { ...client, databaseId: () => "D" };
      const { header } = await runMarks(await plan(), {}, { ...desk.deps, client: known });
      const elsewhere = { ...desk.deps, client: { ...known, name: "http://localhost:1" }, profile: "other" };
      await runMarks(await planUndo(header.runId, elsewhere), {}, elsewhere);
      expect(await successIds()).toEqual([]);
    });

  if (isOurs)
    it("may have marked what its last request had, also if it makes delivered calls FAILED", async () => {
      const { desk, client, callbackId, callIds } = await scene(150);
      const odd = callIds.filter((_, index) => index % 2 === 1);
      await client.markCalls(callbackId, odd, "SUCCESS", { by: "replay" });
      const even = callIds.filter((id) => !odd.includes(id));
      await client.markCalls(callbackId, even, "SUCCESS");
      let requested: readonly string[] = [];
      const markCalls: Client["markCalls"] = (_, ids) => {
        requested = ids;
        throw new WhcbError("unavailable", "504");
      };
      const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "FAILED", desk.deps);
      await runMarks(plan, {}, { ...desk.deps, client: { ...client, markCalls } });
      const { maybeMarked } = await readRun(desk.deps, plan.runId);
      expect(maybeMarked.map(({ id }) => id)).toEqual(expect.arrayContaining([...requested]));
      expect(requested).toHaveLength(75);
    });

  if (isOurs)
    it("counts what a request had marked that is repeated after a pause", async () => {
      const opened = await open(3);
      const clock = minuteSkippingClock();
      const desk = openDesk({ client: opened.client, clock });
      closing.push(desk.leave, opened.close);
      let marks = 0;
      const markCalls: Client["markCalls"] = async (...request) => {
        const left = await opened.client.markCalls(...request);
        if (++marks === 1) throw new WhcbError("unavailable", "503", { retryAfterMs: 60_000 });
        return left;
      };
      const plan = await planMarks({ callbacks: ["demo"], calls: { callIds: opened.callIds } }, "SUCCESS", desk.deps);
      const { counts } = await runMarks(plan, {}, { ...desk.deps, client: { ...opened.client, markCalls } });
      expect([marks, counts.marked]).toEqual([2, 3]);
    });

  if (isOurs)
    it("that marks calls once it is resumed is named by a mark-failed of them, which changes nothing", async () => {
      const { desk, plan, client, callbackId, callIds } = await scene(3);
      const { header } = await runMarks(await plan(), {}, { ...desk.deps, client: neverMarks(client) });
      const toFail = () => planMarks({ callbacks: ["demo"], calls: { callIds: callIds.slice(0, 1) } }, "FAILED", desk.deps);
      expect(await toFail()).toMatchObject({ calls: 0, already: 1, toMarkIn: [{ runId: header.runId }] });
      await discardRun(desk.deps, header.runId);
      expect(await toFail()).toMatchObject({ calls: 0, already: 1, toMarkIn: [] });
      await client.markCalls(callbackId, callIds, "SUCCESS");
      const named = { callbacks: ["demo"], calls: { callIds } };
      const failing = await planMarks(named, "FAILED", desk.deps);
      await runMarks(failing, {}, { ...desk.deps, client: neverMarks(client) });
      expect(await planMarks(named, "SUCCESS", desk.deps)).toMatchObject({ already: 3, toMarkIn: [{ runId: failing.runId }] });
    });

  it("isn't undone while another run is marking the same calls; then each undo takes back its own", async () => {
    const { desk, plan, callbackId, callIds, client, successIds } = await scene(3);
    const second = await plan(callIds.slice(1));
    const first = await plan(callIds.slice(0, 2));
    await runMarks(first, {}, desk.deps);
    await desk.deps.clock.sleepUntil(desk.deps.clock.now() + 300);
    let execute = (): void => {};
    let marking: Promise<unknown> = Promise.resolve();
    await new Promise<void>((onArrival) => {
      const markCalls: Client["markCalls"] = async (...request) => {
        onArrival();
        await new Promise<void>((resolve) => (execute = resolve));
        return client.markCalls(...request);
      };
      marking = runMarks(second, {}, { ...desk.deps, client: { ...client, markCalls } });
    });
    await expect(planUndo(first.runId, desk.deps)).rejects.toMatchObject({
      code: "unavailable",
      message: `run ${second.runId} is marking the same calls`,
    });
    const toFail = (named: readonly string[]) =>
      waitForLateMarks({ callbacks: null, calls: { callIds: named } }, [{ id: callbackId }], desk.deps, () => {});
    await expect(toFail(callIds.slice(2))).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(`is working on run ${second.runId}`),
    });
    expect(await toFail(callIds.slice(0, 1))).toBe(false);
    execute();
    await marking;
    for (const runId of [second.runId, first.runId]) await runMarks(await planUndo(runId, desk.deps), {}, desk.deps);
    expect(await successIds()).toEqual([]);
  });

  it("that is resumed keeps what its own last request has marked, though a run that was killed later may have marked it too", async () => {
    const { desk, plan, client, successIds } = await scene(3);
    const first = await plan();
    const second = await plan();
    // The first one's mark is executed, and the second one's isn't; no answer comes.
    await runMarks(first, {}, { ...desk.deps, client: loseMark(1, client) });
    await runMarks(second, {}, { ...desk.deps, client: neverMarks(client) });
    expect((await resumeRun(first.runId, { resendUnknown: false }, desk.deps)).counts).toMatchObject({ marked: 3 });
    const undo = await planUndo(first.runId, desk.deps);
    expect([...undo.markedBy.keys()].map(({ runId }) => runId)).toEqual([second.runId]);
    await runMarks(undo, {}, desk.deps);
    await runMarks(await planUndo(second.runId, desk.deps), {}, desk.deps);
    expect(await successIds()).toEqual([]);
  });

  it("whose answer was lost is undone, although the undo was interrupted, too, and resumed", async () => {
    const { desk, plan, client, successIds } = await scene(3);
    const { header } = await runMarks(await plan(), {}, { ...desk.deps, client: loseMark(1, client) });
    const undo = await planUndo(header.runId, desk.deps);
    await discardUndone(undo, desk.deps);
    await runMarks(undo, {}, { ...desk.deps, client: neverMarks(client) });
    const { counts } = await resumeRun(undo.runId, { resendUnknown: false }, desk.deps);
    expect([counts.marked, await successIds()]).toEqual([3, []]);
  });

  it("is the latest to undo again once a later one that marked nothing is discarded", async () => {
    const { desk, plan, client, callIds, successIds } = await scene(3);
    const first = await plan();
    const second = await plan(callIds.slice(0, 1));
    await runMarks(first, {}, desk.deps);
    await client.markCalls(first.groups[0]?.callback.id ?? "", callIds.slice(0, 1), "FAILED");
    await runMarks(second, {}, { ...desk.deps, client: neverMarks(client) });
    expect((await latestRunToUndo(desk.deps))?.runId).toBe(second.runId);
    await discardRun(desk.deps, second.runId);
    // Its request may still be executed.
    expect((await latestRunToUndo(desk.deps))?.runId).toBe(second.runId);
    const { clock } = desk.deps;
    const later = { ...desk.deps, clock: { ...clock, now: () => clock.now() + 61_000 } };
    expect((await latestRunToUndo(later))?.runId).toBe(first.runId);
    const renamed = { ...client, name: "another name", databaseId: () => "D" };
    expect(await latestRunToUndo({ ...later, client: renamed })).toBeNull();
    expect(await successIds()).toHaveLength(2);
  });

  it("is undone, although a run before it that marked nothing is discarded afterwards", async () => {
    const { desk, plan, client, successIds } = await scene(3);
    const { header: before } = await runMarks(await plan(), {}, { ...desk.deps, client: neverMarks(client) });
    const { header } = await runMarks(await plan(), {}, desk.deps);
    await desk.deps.clock.sleepUntil(desk.deps.clock.now() + 2);
    await discardRun(desk.deps, before.runId);
    await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
    expect(await successIds()).toEqual([]);
  });

  it("whose undo was interrupted is undone once that is resumed, though another mark of FAILED was interrupted, too", async () => {
    const { desk, plan, callIds, client, successIds } = await scene(2);
    const { header } = await runMarks(await plan(), {}, desk.deps);
    const deps = { ...desk.deps, client: neverMarks(client) };
    const undo = await planUndo(header.runId, desk.deps);
    await runMarks(undo, {}, deps);
    const failed = await planMarks({ callbacks: ["demo"], calls: { callIds } }, "FAILED", desk.deps);
    await runMarks(failed, {}, deps);
    const { counts } = await resumeRun(undo.runId, { resendUnknown: false }, desk.deps);
    expect([counts.marked, await successIds()]).toEqual([2, []]);
  });

  it.each([2, 3])(
    "may be undone again if its undo has left some; the run that might have marked them is named, too: of %i",
    async (calls) => {
      const { desk, plan, callIds, client, successIds } = await scene(calls);
      const other = await plan(callIds.slice(0, 2));
      const { header } = await runMarks(await plan(), {}, desk.deps);
      const undo = await planUndo(header.runId, desk.deps);
      await runMarks(other, {}, { ...desk.deps, client: neverMarks(client) });
      const { counts } = await runMarks(undo, {}, desk.deps);
      const again = await planUndo(header.runId, desk.deps);
      await runMarks(again, {}, desk.deps);
      expect([counts.marked, [...again.markedBy.keys()].map(({ runId }) => runId)]).toEqual([calls - 2, [other.runId]]);
      const last = await planUndo(other.runId, desk.deps);
      await discardUndone(last, desk.deps);
      await runMarks(last, {}, desk.deps);
      expect(await successIds()).toEqual([]);
    },
  );

  it("that is resumed keeps what its own last request has marked, though another run had made it FAILED while it asked", async () => {
    const { desk, plan, client, successIds } = await scene(2);
    const asking = await plan();
    const slip = await plan();
    await runMarks(slip, {}, desk.deps);
    await runMarks(await planUndo(slip.runId, desk.deps), {}, desk.deps);
    await desk.deps.clock.sleepUntil(desk.deps.clock.now() + 300);
    await runMarks(asking, {}, { ...desk.deps, client: loseMark(1, client) });
    const { counts } = await resumeRun(asking.runId, { resendUnknown: false }, desk.deps);
    // Our service leaves what was taken back since the calls were listed.
    expect(counts).toMatchObject({ marked: isOurs ? 0 : 2, skipped: { settled: isOurs ? 2 : 0 }, toMark: 0 });
    if (!isOurs) await runMarks(await planUndo(asking.runId, desk.deps), {}, desk.deps);
    expect(await successIds()).toEqual([]);
  });

  it.each(["run", "reconcile"])(
    "that is resumed marks what a %s had marked that was undone since; then its own undo takes it back",
    async (kind) => {
      const { desk, plan, planList, callIds, client, successIds } = await scene(3);
      const [firstIds, second] = [callIds.slice(0, 2), await plan(callIds.slice(1))];
      const first = await (kind === "run" ? plan(firstIds) : planList(firstIds));
      await runMarks(second, {}, { ...desk.deps, client: neverMarks(client) });
      const { header } = await ("seen" in first
        ? runReconcile({ ...first, replay: { ...first.replay, calls: 0, groups: [] } }, DEFAULT_REPLAY_OPTIONS, desk.deps)
        : runMarks(first, {}, desk.deps));
      await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
      expect(await successIds()).toEqual(callIds.slice(1, 2));
      const { counts } = await resumeRun(second.runId, { resendUnknown: false }, desk.deps);
      expect(counts).toMatchObject({ marked: 2, toMark: 0 });
      await runMarks(await planUndo(second.runId, desk.deps), {}, desk.deps);
      expect(await successIds()).toEqual([]);
    },
  );

  it("that is resumed leaves and counts what was marked elsewhere, but not what its last request had marked", async () => {
    const { desk, plan, client, callbackId, callIds, successIds } = await scene(250);
    const run = await plan();
    const stopped = await runMarks(run, {}, { ...desk.deps, client: loseMark(2, client) });
    expect(stopped).toMatchObject({ isResumable: true, counts: { marked: 100, left: 150 } });
    // The oldest is listed, and marked, last.
    await client.markCalls(callbackId, callIds.slice(0, 1), "SUCCESS");
    await desk.deps.clock.sleepUntil(desk.deps.clock.now() + 300);
    const { counts } = await resumeRun(run.runId, { resendUnknown: false }, desk.deps);
    expect(counts).toMatchObject({ marked: 249, skipped: { settled: 1 }, toMark: 0 });
    await runMarks(await planUndo(run.runId, desk.deps), {}, desk.deps);
    expect(await successIds()).toEqual(callIds.slice(0, 1));
  });

  if (isOurs)
    it.each([
      ["was executed", loseMark.bind(null, 1)],
      ["wasn't executed", neverMarks],
    ])("that is resumed leaves what somebody has made FAILED elsewhere since, if its request %s", async (_, interrupt) => {
      const { desk, plan, client, callbackId, callIds, successIds } = await scene(3);
      const run = await plan();
      await runMarks(run, {}, { ...desk.deps, client: interrupt(client) });
      await desk.deps.clock.sleepUntil(desk.deps.clock.now() + 300);
      const taken = callIds.slice(0, 2);
      for (const status of ["SUCCESS", "FAILED"] as const) await client.markCalls(callbackId, taken, status);
      const { counts } = await resumeRun(run.runId, { resendUnknown: false }, desk.deps);
      expect(counts).toMatchObject({ marked: 1, skipped: { settled: 0, reopened: 2 }, toMark: 0 });
      expect(await successIds()).toEqual(callIds.slice(2));
    });
});

describe.each(RUN_SERVICES)("a run whose answer is lost and that is resumed against $name", ({ open }) => {
  const OTHER = { SUCCESS: "FAILED", FAILED: "SUCCESS" } as const;

  it.each(["SUCCESS", "FAILED"] as const)("leaves and counts what another run has marked since: %s", async (status) => {
    const { client, callIds, close } = await open(2);
    const desk = openDesk({ client });
    const { id: callbackId } = await client.getCallback("demo");
    const plan = (as: "SUCCESS" | "FAILED", ids = callIds) =>
      planMarks({ callbacks: ["demo"], calls: { callIds: ids } }, as, desk.deps);
    if (status === "FAILED") await client.markCalls(callbackId, callIds, "SUCCESS");
    const { header } = await runMarks(await plan(status), {}, { ...desk.deps, client: loseMark(1, client) });
    await runMarks(await plan(OTHER[status], callIds.slice(0, 1)), {}, desk.deps);
    const { counts } = await resumeRun(header.runId, { resendUnknown: false }, desk.deps);
    expect(counts).toMatchObject({ marked: 1, skipped: { settled: 1 }, toMark: 0 });
    const found = await client.findCalls(callbackId, callIds);
    expect(new Map(found.map((call) => [call.id, call.status]))).toEqual(
      new Map([
        [callIds[0], OTHER[status]],
        [callIds[1], status],
      ]),
    );
    await desk.leave();
    await close();
  });
});

it("a run that is resumed leaves what another run has marked since, though this machine's clock was ahead", async () => {
  const calls = platformCalls(1);
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
  });
  const desk = openDesk({ transport: withDates(platform.transport()), clock: HOUR_AHEAD });
  const again = openDesk({ transport: withDates(platform.transport()) });
  const scope = { callbacks: ["demo"], calls: { filter: {} } };
  const losing = { ...desk.deps, client: loseMark(1, desk.deps.client) };
  const { header } = await runMarks(await planMarks(scope, "SUCCESS", losing), {}, losing);
  const deps = { ...again.deps, runsDirectory: desk.deps.runsDirectory };
  await runMarks(await planMarks(scope, "FAILED", deps), {}, deps);
  await resumeRun(header.runId, { resendUnknown: false }, deps);
  expect(calls.map(({ status }) => status)).toEqual(["FAILED"]);
  await desk.leave();
  await again.leave();
});

describe("a run of mark-success that is resumed after a mark-failed of its calls", () => {
  async function scene(clock = systemClock) {
    const calls = platformCalls(2);
    const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls };
    const transport = scriptedPlatform({ clock: systemClock, callbacks: [callback] }).transport();
    const desk = openDesk({ transport, clock });
    const later = openDesk({ transport });
    const deps = { ...later.deps, runsDirectory: desk.deps.runsDirectory };
    const mark = async (status: "SUCCESS" | "FAILED", at: RunDeps) =>
      runMarks(await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, status, at), {}, at);
    const losing = (at: RunDeps): RunDeps => ({ ...at, client: loseMark(1, at.client) });
    const { header } = await mark("SUCCESS", losing(desk.deps));
    return {
      deps,
      markFailed: () => mark("FAILED", deps),
      markFailedWithoutAnswer: () => mark("FAILED", losing(deps)),
      resume: () => resumeRun(header.runId, { resendUnknown: false }, deps),
      statuses: () => calls.map(({ status }) => status),
      leave: async () => {
        await desk.leave();
        await later.leave();
      },
    };
  }

  it("leaves them FAILED, though the mark-failed lost its answer", async () => {
    const { markFailedWithoutAnswer, resume, statuses, leave } = await scene();
    await markFailedWithoutAnswer();
    expect((await resume()).counts).toMatchObject({ marked: 0, skipped: { settled: 2 } });
    expect(statuses()).toEqual(["FAILED", "FAILED"]);
    await leave();
  });

  it("leaves them FAILED, though the clock was set back between the two", async () => {
    const { markFailed, resume, statuses, leave } = await scene(HOUR_AHEAD);
    await markFailed();
    expect((await resume()).counts).toMatchObject({ marked: 0, skipped: { settled: 2 } });
    expect(statuses()).toEqual(["FAILED", "FAILED"]);
    await leave();
  });

  it.each(["first line", "last line"])("marks nothing if the %s of the other journal can't be read", async (line) => {
    const { deps, markFailed, resume, statuses, leave } = await scene();
    const { header } = await markFailed();
    const path = join(deps.runsDirectory, `${header.runId}.ndjson`);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, line === "first line" ? text.replace("{", "") : `${text}x\n{"step":"idle","at":1}\n`);
    expect((await resume()).error).toMatchObject({ code: "malformed", hint: expect.stringContaining("ove it away") });
    expect(statuses()).toEqual(["FAILED", "FAILED"]);
    await leave();
  });

  it("keeps the other's journal, however old it is, until it is finished or discarded", async () => {
    const { deps, markFailed, resume, statuses, leave } = await scene();
    const { header } = await markFailed();
    const oldRuns = async () => (await listOldRuns(deps, systemClock.now() + 1)).map(({ runId }) => runId);
    expect(await oldRuns()).toEqual([]);
    await resume();
    expect(statuses()).toEqual(["FAILED", "FAILED"]);
    expect(await oldRuns()).toContain(header.runId);
    await leave();
  });
});

describe("of two calls whose ids are equal, an undo takes back the one that its run has marked, if the other was marked", () => {
  const dashed = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
  const plain = dashed.replaceAll("-", "").toUpperCase();

  async function scene() {
    const calls = [dashed, plain].map((id) => ({ id, status: "FAILED" as "FAILED" | "SUCCESS", fields: {} }));
    const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls };
    const desk = openDesk({ transport: scriptedPlatform({ clock: systemClock, callbacks: [callback] }).transport() });
    const { client } = desk.deps;
    const plan = (callIds: readonly string[]) => planMarks({ callbacks: ["demo"], calls: { callIds } }, "SUCCESS", desk.deps);
    return {
      deps: desk.deps,
      plan,
      both: await plan([dashed, plain]),
      markDashed: () => client.markCalls(callback.id, [dashed], "SUCCESS"),
      async statusesAfterUndo(runId: string) {
        await runMarks(await planUndo(runId, desk.deps), {}, desk.deps);
        await desk.leave();
        return Object.fromEntries(calls.map(({ id, status }) => [id, status]));
      },
    };
  }

  it("before the run's request, by the service's answer", async () => {
    const { deps, both, statusesAfterUndo } = await scene();
    const markCalls: Client["markCalls"] = async (...request) => {
      await deps.client.markCalls(...request);
      return [dashed];
    };
    const { counts } = await runMarks(both, {}, { ...deps, client: { ...deps.client, markCalls } });
    expect(counts).toMatchObject({ marked: 1, skipped: { settled: 1 } });
    expect(await statusesAfterUndo(both.runId)).toEqual({ [dashed]: "SUCCESS", [plain]: "FAILED" });
  });

  it("before the run was resumed", async () => {
    const { deps, both, markDashed, statusesAfterUndo } = await scene();
    const ctrlC = new AbortController();
    ctrlC.abort();
    await runMarks(both, { signal: ctrlC.signal }, deps);
    await markDashed();
    const { counts } = await resumeRun(both.runId, { resendUnknown: false }, deps);
    expect(counts).toMatchObject({ marked: 1, skipped: { settled: 1 } });
    expect(await statusesAfterUndo(both.runId)).toEqual({ [dashed]: "SUCCESS", [plain]: "FAILED" });
  });

  it("by another run", async () => {
    const { deps, plan, both, statusesAfterUndo } = await scene();
    await runMarks(await plan([dashed]), {}, deps);
    await runMarks(both, {}, deps);
    expect(await statusesAfterUndo(both.runId)).toEqual({ [dashed]: "SUCCESS", [plain]: "FAILED" });
  });
});

it("a mark whose answer is lost is repeated, and undone with the others", async () => {
  const service = await openService();
  const inner = injectTransport(service.app);
  let marks = 0;
  const transport = withMarks(inner, async (request) => {
    const answer = await inner.send(request);
    if (++marks === 1) throw CUT;
    return answer;
  });
  const client = clientOver(transport);
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const { ids: callIds } = await client.submitCalls(id, [{ response: aResponse() }]);
  const desk = openDesk({ client });
  const scope = { callbacks: [id], calls: { callIds } };
  const { header, counts } = await runMarks(await planMarks(scope, "SUCCESS", desk.deps), {}, desk.deps);
  expect([marks, counts.marked]).toEqual([2, 1]);
  expect(await planUndo(header.runId, desk.deps)).toMatchObject({ calls: 1, already: 0 });
  await desk.leave();
  await closeService(service);
});

describe.each([400, 404, 409, 422])("a mark whose answer is lost, and whose repeat gets %i", (status) => {
  it.each(["at once", "once its run is resumed"])("is undone: repeated %s", async (when) => {
    const service = await openService();
    const inner = injectTransport(service.app);
    let marks = 0;
    const transport = withMarks(inner, async (request) => {
      if (++marks > 1) return { status, headers: {}, body: REJECTION };
      await inner.send(request);
      throw CUT;
    });
    const client = clientOver(transport);
    const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
    const { ids: callIds } = await client.submitCalls(id, [{ response: aResponse() }, { response: aResponse() }]);
    const desk = openDesk({ client });
    const plan = await planMarks({ callbacks: [id], calls: { callIds } }, "SUCCESS", desk.deps);
    const losing = { ...desk.deps, client: loseMark(1, clientOver(inner)) };
    const run = await runMarks(plan, {}, when === "at once" ? desk.deps : losing);
    marks = Math.max(marks, 1);
    const { header, counts } = when === "at once" ? run : await resumeRun(run.header.runId, { resendUnknown: false }, desk.deps);
    expect(counts).toMatchObject({ marked: 2, notFound: 0, toMark: 0 });
    expect(await planUndo(header.runId, desk.deps)).toMatchObject({ calls: 2, already: 0 });
    await desk.leave();
    await closeService(service);
  });
});

it("a mark whose answer is lost, and whose repeat is rejected, is remembered where a list may lag, and undone", async () => {
  const calls = platformCalls(2);
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
  });
  const inner = platform.transport();
  let marks = 0;
  const transport = withMarks(inner, async () => {
    if (++marks > 1) return { status: 409, headers: {}, body: REJECTION };
    throw CUT;
  });
  const desk = openDesk({ transport });
  const plan = await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", desk.deps);
  const { header, error, counts } = await runMarks(plan, {}, desk.deps);
  expect([error?.code, counts.notFound, counts.marked]).toEqual(["unavailable", 0, 0]);
  // The list has it now.
  for (const call of calls) call.status = "SUCCESS";
  expect(await planUndo(header.runId, desk.deps)).toMatchObject({ calls: 2 });
  await desk.leave();
});

it("a mark whose answer is lost, and whose repeat is rejected, is remembered, as it may be executed later", async () => {
  const service = await openService();
  let marks = 0;
  const transport = withMarks(injectTransport(service.app), async () => {
    if (++marks > 1) return { status: 400, headers: {}, body: REJECTION };
    throw CUT;
  });
  const client = clientOver(transport);
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const { ids: callIds } = await client.submitCalls(id, [{ response: aResponse() }]);
  const desk = openDesk({ client });
  const plan = await planMarks({ callbacks: [id], calls: { callIds } }, "SUCCESS", desk.deps);
  const { header, counts } = await runMarks(plan, {}, desk.deps);
  await clientOver(injectTransport(service.app)).markCalls(id, callIds, "SUCCESS");
  expect([counts.notFound, (await planUndo(header.runId, desk.deps)).calls]).toEqual([0, 1]);
  await desk.leave();
  await closeService(service);
});

it("a mark whose answer is lost is undone, though the service then has no callbacks for a moment", async () => {
  const service = await openService();
  const inner = injectTransport(service.app);
  let isLost = false;
  const transport: Transport = {
    ...inner,
    async send(request) {
      if (isLost && request.path.endsWith("/callbacks"))
        return { status: 200, headers: {}, body: '{"status":"No records found"}' };
      if (isLost) return { status: 404, headers: {}, body: REJECTION };
      const answer = await inner.send(request);
      isLost = request.method === "PUT" && request.path.includes("/calls?");
      if (isLost) throw CUT;
      return answer;
    },
  };
  const client = clientOver(inner);
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const { ids: callIds } = await client.submitCalls(id, [{ response: aResponse() }]);
  const desk = openDesk({ client });
  const plan = await planMarks({ callbacks: [id], calls: { callIds } }, "SUCCESS", desk.deps);
  const losing = clientOver(transport);
  await losing.getCallback(id);
  const { header, isResumable } = await runMarks(plan, {}, { ...desk.deps, client: losing });
  expect(isResumable).toBe(true);
  expect(await planUndo(header.runId, desk.deps)).toMatchObject({ calls: 1, already: 0 });
  await desk.leave();
  await closeService(service);
});

it.each(["after a 503", "as its answer is lost"])(
  "a mark that is repeated %s takes no call that has changed since, though no answer has a time",
  async (why) => {
    const service = await openService();
    const inner = injectTransport(service.app);
    let marks = 0;
    const timeless: Transport = {
      ...inner,
      async send(request) {
        const answer = await inner.send(request);
        const { "x-service-time": _time, ...headers } = answer.headers;
        return { ...answer, headers };
      },
    };
    const transport = withMarks(timeless, async (request) => {
      if (++marks > 1) return timeless.send(request);
      if (why === "after a 503") return { status: 503, headers: {}, body: "{}" };
      await timeless.send(request);
      throw CUT;
    });
    const direct = clientOver(inner);
    const { id } = await direct.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
    const { ids: callIds } = await direct.submitCalls(
      id,
      [1, 2, 3].map(() => ({ response: aResponse() })),
    );
    const [changed = "", ...others] = callIds;
    for (const status of ["SUCCESS", "FAILED"] as const) await direct.markCalls(id, callIds, status);
    const desk = openDesk({ client: clientOver(transport) });
    const plan = await planMarks({ callbacks: [id], calls: { callIds } }, "SUCCESS", desk.deps);
    for (const status of ["SUCCESS", "FAILED"] as const) await direct.markCalls(id, [changed], status);
    const { header, counts } = await runMarks(plan, {}, desk.deps);
    expect([marks, counts]).toMatchObject([2, { marked: 2, skipped: { reopened: 1 } }]);
    const { calls } = await readRun(desk.deps, header.runId);
    expect(calls.flatMap((call) => (call.isMarked ? [call.id] : [])).toSorted()).toEqual(others.toSorted());
    await desk.leave();
    await closeService(service);
  },
);

it("a mark that a gateway has repeated is the run's, and undone, but for what was SUCCESS before", async () => {
  const service = await openService();
  const inner = injectTransport(service.app);
  const transport = withMarks(inner, async (request) => {
    await inner.send(request);
    return inner.send(request);
  });
  const client = clientOver(transport);
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const { ids: callIds } = await client.submitCalls(id, [{ response: aResponse() }, { response: aResponse() }]);
  const [others = "", own = ""] = callIds;
  for (const status of ["SUCCESS", "FAILED"] as const) await client.markCalls(id, callIds, status);
  const desk = openDesk({ client });
  const plan = await planMarks({ callbacks: [id], calls: { callIds } }, "SUCCESS", desk.deps);
  await client.markCalls(id, [others], "SUCCESS", { by: "replay" });
  const { header, counts } = await runMarks(plan, {}, desk.deps);
  expect(counts).toMatchObject({ marked: 1, skipped: { settled: 1 } });
  await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  expect([await client.getCall(id, others), await client.getCall(id, own)]).toMatchObject([
    { status: "SUCCESS", settledBy: "replay" },
    { status: "FAILED", settledBy: "user" },
  ]);
  await desk.leave();
  await closeService(service);
});

it("mark-failed leaves what is delivered after it has listed the calls, and takes what was delivered before", async () => {
  const service = await openService();
  const client = clientOver(injectTransport(service.app));
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const { ids: callIds } = await client.submitCalls(id, [{ response: aResponse() }, { response: aResponse() }]);
  const [meanwhile = "", before = ""] = callIds;
  await client.markCalls(id, [meanwhile], "SUCCESS");
  await client.markCalls(id, [before], "SUCCESS", { by: "replay" });
  const desk = openDesk({ client });
  const plan = await planMarks({ callbacks: [id], calls: { callIds } }, "FAILED", desk.deps);
  await client.markCalls(id, [meanwhile], "SUCCESS", { by: "replay" });
  expect((await runMarks(plan, {}, desk.deps)).counts).toMatchObject({ marked: 1, skipped: { settled: 1 } });
  expect([await client.getCall(id, meanwhile), await client.getCall(id, before)]).toMatchObject([
    { status: "SUCCESS", settledBy: "replay" },
    { status: "FAILED" },
  ]);
  await desk.leave();
  await closeService(service);
});

it("a mark-failed that waits leaves what was delivered in the minute in which it was typed, where dates have whole minutes", async () => {
  const typedAt = Math.floor(Date.now() / 60_000) * 60_000 + 10_000;
  const dates = [typedAt, typedAt, typedAt - 300_000].map((at) => toPlatformDate(at, "UTC"));
  const codes = ["200", "503", "200"];
  const calls = platformCalls(3, (index) => ({
    callback: { attemptedDate: dates[index] ?? "", statusCode: codes[index] ?? "" },
  }));
  for (const call of calls) call.status = "SUCCESS";
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
  });
  const desk = openDesk({ transport: platform.transport() });
  const [delivered = "", ...others] = calls.map(({ id }) => id);
  for (const named of [{ filter: {} }, { callIds: [delivered, ...others] }]) {
    const scope = { callbacks: ["demo"], calls: named };
    const plan = await planMarks(scope, "FAILED", desk.deps, () => {}, { here: typedAt, service: typedAt });
    expect([plan.delivered, plan.groups.flatMap(({ callIds }) => callIds).toSorted()]).toEqual([1, others.toSorted()]);
  }
  await desk.leave();
});

it("an undo on whcb serve takes back calls that had been accepted long before, and were FAILED when they were marked", async () => {
  const service = await openService();
  const client = clientOver(injectTransport(service.app));
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url: "http://127.0.0.1:9/hook" });
  const {
    ids: [lost = ""],
  } = await client.submitCalls(id, [{ response: aResponse() }]);
  const result = { kind: "answered", statusCode: 200, statusMessage: "OK", body: "" } as const;
  const attempt = { callId: lost, startedAt: Date.now() - 3_600_000, durationMs: 5, result };
  await client.markCalls(id, [lost], "SUCCESS", { by: "replay", replays: { sentFrom: "ada@desk", attempts: [attempt] } });
  await client.markCalls(id, [lost], "FAILED");
  const desk = openDesk({ client });
  const scope = { callbacks: [id], calls: { callIds: [lost] } };
  const { header } = await runMarks(await planMarks(scope, "SUCCESS", desk.deps), {}, desk.deps);
  await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  expect(await client.getCall(id, lost)).toMatchObject({ status: "FAILED", statusCode: 200 });
  await desk.leave();
  await closeService(service);
});
