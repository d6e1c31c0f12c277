import { expect, it } from "vitest";
import { WhcbError } from "../../src/domain/errors.js";
import { systemClock } from "../../src/platform/clock.js";
import { discardRun, readRun } from "../../src/runs/journal/stored-runs.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import { discardUndone, planMarks, planUndo, runMarks } from "../../src/runs/run-marks.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { openDesk } from "../support/replay/replay-desk.js";
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
  expect([counts.marked, (await readRun(desk.deps.runsDirectory, header.runId, clock)).state]).toEqual([100, "finished"]);
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
  // Rejected before the mark, by the service's clock after it.
  const rejected = { ...callback, statusCode: "503", attemptedDate: new Date(Date.now() + 30_000).toISOString() };
  calls.splice(2, 1, { id: undone, status: "SUCCESS", fields: { ...calls[2]?.fields, callback: rejected } });
  expect((await runMarks(undo, {}, desk.deps)).counts).toMatchObject({ marked: 1, skipped: { settled: 2 }, toMark: 0 });
  expect(calls.filter(({ status }) => status === "FAILED").map(({ id }) => id)).toEqual([undone]);
  await desk.leave();
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

it("an undo that was discarded may be made again", async () => {
  const calls = platformCalls(2);
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
  });
  const desk = openDesk({ transport: platform.transport() });
  const scope = { callbacks: ["demo"], calls: { filter: {} } };
  const { header } = await runMarks(await planMarks(scope, "SUCCESS", desk.deps), {}, desk.deps);
  const ctrlC = new AbortController();
  ctrlC.abort();
  const undo = await runMarks(await planUndo(header.runId, desk.deps), { signal: ctrlC.signal }, desk.deps);
  await expect(planUndo(header.runId, desk.deps)).rejects.toMatchObject({ code: "usage" });
  await discardRun(desk.deps.runsDirectory, undo.header.runId, systemClock);
  await runMarks(await planUndo(header.runId, desk.deps), {}, desk.deps);
  expect(calls.map(({ status }) => status)).toEqual(["FAILED", "FAILED"]);
  await desk.leave();
});

it("an undo leaves what another run has marked later, whatever the service was called then and this machine's clock was", async () => {
  const calls = platformCalls(3);
  const [marked = ""] = calls.map(({ id }) => id);
  const platform = scriptedPlatform({
    clock: systemClock,
    callbacks: [{ id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "k", calls }],
  });
  const transport = platform.transport();
  const send: typeof transport.send = async (...request) => {
    const answer = await transport.send(...request);
    return { ...answer, headers: { ...answer.headers, date: new Date().toUTCString() } };
  };
  const ahead = { ...systemClock, now: () => systemClock.now() + 3_600_000 };
  const desk = openDesk({ transport: { ...transport, send }, clock: ahead });
  const again = openDesk({ transport: { ...transport, send, name: "http://localhost" } });
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
