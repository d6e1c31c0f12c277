import { expect, it } from "vitest";
import { readRun } from "../../src/runs/journal/stored-runs.js";
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
