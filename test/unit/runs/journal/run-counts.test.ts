import { describe, expect, it } from "vitest";
import { type CountedCall, countCalls, isUnfinished, NO_COUNTS, sumCounts } from "../../../../src/runs/journal/run-counts.js";

const aCall = (over: Partial<CountedCall>): CountedCall => {
  return { state: "left", message: null, isMarked: false, needsMark: false, ...over };
};

describe("the counts of a run", () => {
  it("have each call under its state, and the marks beside them", () => {
    const counts = countCalls([
      aCall({ state: "accepted", isMarked: true }),
      aCall({ state: "accepted", needsMark: true }),
      aCall({ state: "seen", isMarked: true }),
      aCall({ state: "marked", isMarked: true }),
      aCall({ state: "refused" }),
      aCall({ state: "skipped", message: "order" }),
      aCall({ state: "skipped", message: "settled" }),
      aCall({ state: "unknown" }),
      aCall({ state: "unmarkable" }),
      aCall({ state: "requested" }),
      aCall({}),
    ]);
    expect(counts).toEqual({
      planned: 11,
      accepted: 2,
      seen: 1,
      refused: 1,
      skipped: { settled: 1, order: 1 },
      unknown: 1,
      unmarkable: 1,
      requested: 1,
      left: 1,
      marked: 3,
      toMark: 1,
    });
  });

  it("of callbacks add up, field by field", () => {
    const one = { ...NO_COUNTS, planned: 3, accepted: 2, refused: 1, skipped: { settled: 4, order: 5 }, marked: 2 };
    const other = { ...NO_COUNTS, planned: 10, left: 7, unknown: 3, skipped: { settled: 1, order: 0 }, toMark: 6 };
    const sum = {
      planned: 13,
      accepted: 2,
      refused: 1,
      skipped: { settled: 5, order: 5 },
      marked: 2,
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
    ["refused", false],
    ["unmarkable", false],
  ] as const)("with one call %s are unfinished: %s", (state, isOpen) => {
    expect(isUnfinished({ ...NO_COUNTS, planned: 1, [state]: 1 })).toBe(isOpen);
  });
});
