import { expect, it } from "vitest";
import { type RunDates, wasBegunAfter } from "../../../../src/runs/journal/stored-runs.js";

const EARLIEST: RunDates = { runId: "20261124-090000-0000000", startedAt: Date.UTC(2026, 10, 24, 9) };
const LATEST: RunDates = { runId: "20261124-110000-0000000", startedAt: Date.UTC(2026, 10, 24, 11) };

/** It was begun after the clock was set back from 11 o'clock. */
function setBackTo(hour: number): RunDates {
  const startedAt = Date.UTC(2026, 10, 24, hour);
  return { runId: `20261124-${String(hour).padStart(2, "0")}0000-1111111`, startedAt, begunAfter: LATEST.runId };
}

it("runs have one order, in which one that was begun after a later id comes after it", () => {
  const next: RunDates = { runId: "20261124-120000-0000000", startedAt: Date.UTC(2026, 10, 24, 12) };
  const ordered = [EARLIEST, LATEST, setBackTo(8), setBackTo(10), next];
  const laterThan = (run: RunDates) => ordered.filter((other) => wasBegunAfter(other, run));
  expect(ordered.map(laterThan)).toEqual(ordered.map((_, index) => ordered.slice(index + 1)));
});
