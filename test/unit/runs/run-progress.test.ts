import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../../src/runs/journal/run-event.js";
import { RunProgress } from "../../../src/runs/run-progress.js";
import { VirtualClock } from "../../support/time/virtual-clock.js";

const callbackId = "00112233445566AA";
const result = { kind: "answered", statusCode: 503, statusMessage: "Service Unavailable", body: "" } as const;

const accepted: RunEvent = { type: "accepted", callbackId, callId: "A", durationMs: 1 };
const refused: RunEvent = { type: "refused", callbackId, callId: "B", durationMs: 1, result };
const marked: RunEvent = { type: "marked", callbackId, callIds: ["A", "C"], status: "SUCCESS" };
const requested: RunEvent = { type: "requested", callbackId, callIds: ["D", "E", "F"] };
const skipped: RunEvent = { type: "skipped", callbackId, callId: "G", reason: "order" };

function progressOf(total: number) {
  const clock = new VirtualClock();
  const progress = new RunProgress(clock, total);
  /** So many calls accepted, one each `everyMs`. */
  const accept = (calls: number, everyMs: number): void => {
    for (let call = 0; call < calls; call++) {
      clock.advance(everyMs);
      progress.add(accepted);
    }
  };
  return { clock, progress, accept };
}

describe("the progress of a run", () => {
  it("tells nothing of a speed before anything is done", () => {
    const { progress } = progressOf(10);
    const nothing = { done: 0, total: 10, accepted: 0, refused: 0, marked: 0, perSecond: null, leftMs: null };
    expect(progress.read()).toEqual(nothing);
    progress.add({ type: "paused", callbackId, until: 0 });
    expect(progress.read()).toEqual(nothing);
  });

  it("counts as done what needs nothing more; marks come on top", () => {
    const { progress } = progressOf(20);
    for (const event of [accepted, accepted, refused, marked, requested, skipped]) progress.add(event);
    expect(progress.read()).toMatchObject({ done: 7, accepted: 2, refused: 1, marked: 2 });
  });

  it("tells the speed and the time that is left", () => {
    const { progress, accept } = progressOf(100);
    accept(20, 100);
    expect(progress.read()).toMatchObject({ done: 20, perSecond: 10, leftMs: 8_000 });
  });

  it("tells the speed of the last seconds, not of the whole", () => {
    const { progress, accept } = progressOf(10_000);
    accept(1_000, 10);
    accept(10, 1_000);
    expect(progress.read().perSecond).toBeCloseTo(1, 1);
  });

  it("tells a speed that falls while nothing more comes", () => {
    const { clock, progress, accept } = progressOf(100);
    accept(10, 100);
    clock.advance(9_000);
    expect(progress.read().perSecond).toBe(1);
  });
});
