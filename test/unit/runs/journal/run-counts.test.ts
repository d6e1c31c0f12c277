import { describe, expect, it } from "vitest";
import { isUnfinished, NO_COUNTS, type RunCallState, reduceCounts, sumCounts } from "../../../../src/runs/journal/run-counts.js";
import type { CallStep, RunHeader, RunKind } from "../../../../src/runs/journal/run-step.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../../src/runs/run-options.js";

function aHeader(kind: RunKind, mark = true): RunHeader {
  return {
    runId: "20261124-233015-7F3A",
    kind,
    profile: "test",
    service: "http://127.0.0.1:8787",
    who: "ada@desk",
    startedAt: 1,
    callbacks: [],
    options: kind.startsWith("mark") ? null : { ...DEFAULT_REPLAY_OPTIONS, mark },
  };
}

type Step = readonly [step: CallStep, from: RunCallState];

const planned = (action: "send" | "mark" | "ask"): Step => [{ step: "planned", callback: "CB", call: "A", do: action }, "left"];
const accepted: CallStep = { step: "accepted", call: "A", at: 1, ms: 2 };
const rejected: CallStep = { step: "rejected", call: "A", at: 1, ms: 2, status: 503, message: "Service Unavailable" };
const marked: CallStep = { step: "marked", calls: ["A"], as: "SUCCESS", at: 1 };
const notFound: CallStep = { step: "not-found", call: "A", at: 1, message: "no such call" };

/** Returns the counts that aren't 0 after these steps. */
function countsAfter(header: RunHeader, ...steps: readonly Step[]): object {
  const counts = steps.reduce(
    (sum, [step, from]) => reduceCounts(sum, step, { header, from, calls: "calls" in step ? step.calls.length : 1 }),
    NO_COUNTS,
  );
  return Object.fromEntries(Object.entries({ ...counts, ...counts.skipped, skipped: 0 }).filter(([, count]) => count !== 0));
}

describe("the counts of a run", () => {
  const replay = aHeader("replay");

  it("have a call under its state", () => {
    expect(countsAfter(replay, planned("send"))).toEqual({ planned: 1, left: 1 });
    expect(countsAfter(replay, planned("send"), [rejected, "left"])).toEqual({ planned: 1, rejected: 1 });
    expect(countsAfter(replay, planned("ask"), [{ step: "requested", calls: ["A"], at: 1 }, "left"])).toEqual({
      planned: 1,
      requested: 1,
    });
    const skipped: CallStep = { step: "skipped", call: "A", at: 1, reason: "order" };
    expect(countsAfter(replay, planned("send"), [skipped, "left"])).toEqual({ planned: 1, order: 1 });
  });

  it("have an accepted call to mark until it is marked, if the run marks", () => {
    expect(countsAfter(replay, planned("send"), [accepted, "left"])).toEqual({ planned: 1, accepted: 1, toMark: 1 });
    expect(countsAfter(replay, planned("send"), [accepted, "left"], [marked, "accepted"])).toEqual({
      planned: 1,
      accepted: 1,
      marked: 1,
    });
    expect(countsAfter(aHeader("replay", false), planned("send"), [accepted, "left"])).toEqual({ planned: 1, accepted: 1 });
  });

  it("have a call that is only marked as left before and marked after, or as seen in a reconcile", () => {
    expect(countsAfter(aHeader("mark-success"), planned("mark"))).toEqual({ planned: 1, left: 1, toMark: 1 });
    expect(countsAfter(aHeader("mark-success"), planned("mark"), [marked, "left"])).toEqual({ planned: 1, marked: 1 });
    expect(countsAfter(aHeader("mark-failed"), planned("mark"), [notFound, "left"])).toEqual({ planned: 1, notFound: 1 });
    expect(
      countsAfter(aHeader("reconcile"), [{ step: "planned", callback: "CB", call: "A", do: "mark" }, "seen"], [marked, "seen"]),
    ).toEqual({ planned: 1, seen: 1, marked: 1 });
  });

  it("have an accepted or seen call as settled, with nothing to mark, once it is skipped", () => {
    const skipped: CallStep = { step: "skipped", call: "A", at: 1, reason: "settled" };
    const seen: Step = [{ step: "planned", callback: "CB", call: "A", do: "mark" }, "seen"];
    expect(countsAfter(replay, planned("send"), [accepted, "left"], [skipped, "accepted"])).toEqual({ planned: 1, settled: 1 });
    expect(countsAfter(aHeader("reconcile"), seen, [skipped, "seen"])).toEqual({ planned: 1, settled: 1 });
  });

  it("have a deferred call as left, and an unknown one as unknown until its next outcome", () => {
    expect(countsAfter(replay, planned("send"), [{ ...rejected, step: "deferred" }, "left"])).toEqual({ planned: 1, left: 1 });
    expect(countsAfter(replay, [{ step: "sent", call: "A", at: 1 }, "unknown"])).toEqual({});
    expect(countsAfter(replay, [rejected, "unknown"])).toEqual({ unknown: -1, rejected: 1 });
  });

  it("have an accepted or seen call as such, whether its mark is rejected or it isn't found", () => {
    const reconcile = aHeader("reconcile");
    const rejectedMark: CallStep = { step: "mark-rejected", call: "A", at: 1, message: "locked" };
    const seen: Step = [{ step: "planned", callback: "CB", call: "A", do: "mark" }, "seen"];
    expect(countsAfter(reconcile, seen, [rejectedMark, "seen"])).toEqual({ planned: 1, seen: 1, toMark: 1 });
    expect(countsAfter(reconcile, seen, [notFound, "seen"])).toEqual({ planned: 1, seen: 1, notFound: 1 });
    const sent = [planned("send"), [accepted, "left"]] as const;
    expect(countsAfter(replay, ...sent, [rejectedMark, "accepted"])).toEqual({ planned: 1, accepted: 1, toMark: 1 });
    expect(countsAfter(replay, ...sent, [notFound, "accepted"])).toEqual({ planned: 1, accepted: 1, notFound: 1 });
  });

  it("of callbacks add up, field by field", () => {
    const one = {
      ...NO_COUNTS,
      planned: 3,
      accepted: 2,
      rejected: 1,
      skipped: { settled: 4, order: 5, reopened: 1 },
      marked: 2,
      twice: 1,
    };
    const other = {
      ...NO_COUNTS,
      planned: 10,
      resent: 2,
      left: 7,
      unknown: 3,
      skipped: { settled: 1, order: 0, reopened: 2 },
      toMark: 6,
    };
    const sum = {
      planned: 13,
      accepted: 2,
      rejected: 1,
      skipped: { settled: 5, order: 5, reopened: 3 },
      marked: 2,
      twice: 1,
      resent: 2,
      left: 7,
      unknown: 3,
      toMark: 6,
    };
    expect(sumCounts([one, other])).toEqual({ ...NO_COUNTS, ...sum });
    expect(sumCounts([])).toEqual(NO_COUNTS);
  });

  it.each([
    ["left", true],
    ["toMark", true],
    ["unknown", true],
    ["rejected", false],
    ["notFound", false],
  ] as const)("with one call %s are unfinished: %s", (state, isOpen) => {
    expect(isUnfinished({ ...NO_COUNTS, planned: 1, [state]: 1 })).toBe(isOpen);
  });
});
