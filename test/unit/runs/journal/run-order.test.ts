import { rmSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { callKey, readComparedCheck } from "../../../../src/runs/journal/other-runs.js";
import { NO_COUNTS } from "../../../../src/runs/journal/run-counts.js";
import { journalPath } from "../../../../src/runs/journal/run-id.js";
import { type RunHeader, type RunStep, stepText } from "../../../../src/runs/journal/run-step.js";
import { findPlace, type RunDates, wasBegunAfter } from "../../../../src/runs/journal/stored-runs.js";
import { lockFile } from "../../../../src/store/sqlite/lock-database.js";
import { newTemporaryFolder } from "../../../support/temporary-folders.js";

const EARLIEST: RunDates = { runId: "20261124-090000-0000000", startedAt: Date.UTC(2026, 10, 24, 9) };
const LATEST: RunDates = { runId: "20261124-110000-0000000", startedAt: Date.UTC(2026, 10, 24, 11) };

function runAt(hour: number): RunDates {
  return { runId: `20261124-${String(hour).padStart(2, "0")}0000-1111111`, startedAt: Date.UTC(2026, 10, 24, hour) };
}

it("runs have the order in which they were begun, however often the clock is set back", async () => {
  const runsDirectory = newTemporaryFolder("whcb-runs-");
  const ordered: RunDates[] = [];
  for (const run of [EARLIEST, LATEST, runAt(10), runAt(8), runAt(9), runAt(12)]) {
    const header = { ...run, ...(await findPlace(runsDirectory, run.runId)) };
    writeRun(runsDirectory, aReconcile(header));
    ordered.push(header);
    // Its journal is removed once another run says that it comes after it.
    if (header.begunAs === 2) rmSync(journalPath(runsDirectory, LATEST.runId));
  }
  const laterThan = (run: RunDates) => ordered.filter((other) => wasBegunAfter(other, run));
  expect(ordered.map(laterThan)).toEqual(ordered.map((_, index) => ordered.slice(index + 1)));
});

it("a later reconcile has the newer list, though the service's clock was set back between the two", async () => {
  const runsDirectory = newTemporaryFolder("whcb-runs-");
  const earlier = aReconcile({ ...EARLIEST, serviceStartedAt: LATEST.startedAt });
  const later = aReconcile({ ...LATEST, serviceStartedAt: EARLIEST.startedAt });
  for (const header of [earlier, later]) writeRun(runsDirectory, header);
  const wasCompared = await readComparedCheck({
    runsDirectory,
    clock: systemClock,
    lockFile,
    client: { databaseId: () => null },
  });
  const [call, other] = [callKey("demo", "order-1"), callKey("demo", "order-2")];
  expect([wasCompared(call, earlier), wasCompared(call, later), wasCompared(other, earlier)]).toEqual([true, false, false]);
});

function aReconcile(run: RunDates): RunHeader {
  const callbacks = [{ id: "demo", name: "demo", url: "http://127.0.0.1:9/" }];
  return { ...run, callbacks, kind: "reconcile", options: null, profile: "test", service: "s", who: "ada" };
}

function writeRun(runsDirectory: string, header: RunHeader): void {
  const steps: readonly RunStep[] = [
    { step: "run", version: 1, header },
    { step: "planned", callback: "demo", call: "order-1", do: "mark" },
    { step: "session", at: header.startedAt, who: header.who, bootId: "b", concurrency: 1 },
    { step: "ended", at: header.startedAt, reason: "done", counts: NO_COUNTS },
  ];
  writeFileSync(journalPath(runsDirectory, header.runId), steps.map(stepText).join(""));
}
