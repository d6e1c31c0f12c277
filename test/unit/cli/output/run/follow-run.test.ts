import { describe, expect, it } from "vitest";
import { RunProgress, RunSteps } from "../../../../../src/cli/output/run/follow-run.js";
import { NO_COUNTS } from "../../../../../src/runs/journal/run-counts.js";
import type { CallStep, RunCounts } from "../../../../../src/runs/journal/run-step.js";
import { VirtualClock } from "../../../../support/time/virtual-clock.js";

function progressOf(total: number) {
  const clock = new VirtualClock();
  const start = { ...NO_COUNTS, planned: total, left: total };
  const progress = new RunProgress(clock, total, start);
  let left = total;
  /** Accepts so many calls, one each `everyMs`. */
  const accept = (calls: number, everyMs: number): void => {
    for (let call = 0; call < calls; call++) {
      clock.advance(everyMs);
      progress.update({ ...start, left: --left, accepted: total - left });
    }
  };
  return { clock, start, progress, accept };
}

describe("the progress of a run", () => {
  it("has no rate before anything is done", () => {
    const { progress, start } = progressOf(10);
    const nothing = { done: 0, total: 10, perSecond: null, leftMs: null };
    expect(progress.read()).toEqual(nothing);
    progress.update(start);
    expect(progress.read()).toEqual(nothing);
  });

  it("counts what is no longer open, and a mark of an accepted call doesn't count twice", () => {
    const { progress, start } = progressOf(20);
    const after = { ...start, left: 13, accepted: 2, rejected: 1, requested: 3, skipped: { order: 1, settled: 0, reopened: 0 } };
    progress.update(after);
    progress.update({ ...after, marked: 2 });
    expect(progress.read()).toMatchObject({ done: 7 });
  });

  it("counts a call that is sent again only once it is settled", () => {
    const start = { ...NO_COUNTS, planned: 5, accepted: 2, unknown: 3 };
    const progress = new RunProgress(new VirtualClock(), 3, start);
    progress.update({ ...start, unknown: 2, left: 1 });
    expect(progress.read().done).toBe(0);
    progress.update({ ...start, unknown: 2, accepted: 3 });
    expect(progress.read().done).toBe(1);
  });

  it("has the rate and the time that is left", () => {
    const { progress, accept } = progressOf(100);
    accept(20, 100);
    expect(progress.read()).toMatchObject({ done: 20, perSecond: 10, leftMs: 8_000 });
  });

  it("has no rate of less than a quarter of a second", () => {
    const { progress, accept } = progressOf(178);
    accept(100, 2);
    expect(progress.read()).toEqual({ done: 100, total: 178, perSecond: null, leftMs: null });
    accept(25, 2);
    expect(progress.read()).toMatchObject({ done: 125, perSecond: 500 });
  });

  it("has the rate of the last seconds, not of the whole run", () => {
    const { progress, accept } = progressOf(10_000);
    accept(1_000, 10);
    accept(10, 1_000);
    expect(progress.read().perSecond).toBeCloseTo(1, 1);
  });

  it("slows down while nothing more is done", () => {
    const { clock, progress, accept } = progressOf(100);
    accept(10, 100);
    clock.advance(9_000);
    expect(progress.read().perSecond).toBe(1);
  });
});

describe("the step that is shown", () => {
  const at = 0;
  const step = (counts: Partial<RunCounts>, of: CallStep) => {
    return { type: "step", callbackId: "A", step: of, counts: { ...NO_COUNTS, planned: 3, ...counts } } as const;
  };
  const accepted = { step: "accepted", call: "1", at, ms: 1 } as const;
  const marked = { step: "marked", calls: ["1"], as: "SUCCESS", at } as const;

  it("is sending while calls are left, and then marking, which isn't done before all are marked", () => {
    const steps = new RunSteps(new VirtualClock(), 3, { ...NO_COUNTS, planned: 3, left: 3 });
    const shown = [
      steps.update(step({ left: 2, accepted: 1, toMark: 1 }, accepted)),
      steps.update(step({ left: 2, accepted: 1, marked: 1 }, marked)),
      steps.update(step({ left: 1, accepted: 2, marked: 1, toMark: 1 }, accepted)),
      steps.update(step({ accepted: 3, marked: 1, toMark: 2 }, accepted)),
      steps.update(step({ accepted: 3, marked: 2, toMark: 1 }, marked)),
    ];
    expect(shown).toEqual(["sending: 1 of 3", "sending: 1 of 3", "sending: 2 of 3", "marking: 0 of 2", "marking: 1 of 2"]);
  });

  it("is marking first where the list had calls, and after Ctrl-C", () => {
    const steps = new RunSteps(new VirtualClock(), 3, { ...NO_COUNTS, planned: 3, seen: 1, left: 2, toMark: 1 });
    expect(steps.update(step({ seen: 1, left: 2, marked: 1 }, marked))).toBe("marking: 1 of 1");
    expect(steps.update(step({ seen: 1, left: 1, accepted: 1, marked: 1, toMark: 1 }, accepted))).toBe("sending: 1 of 3");
    steps.stopSending();
    expect(steps.update(step({ seen: 1, left: 1, accepted: 1, marked: 2 }, marked))).toBe("marking: 1 of 1");
  });
});
