import { describe, expect, test } from "vitest";
import { answerTo, type Behaviour } from "../../../../../src/cli/commands/listen/local-endpoint.js";

const QUIET: Behaviour = { status: null, failFirst: null, failForMs: null, flaky: null, seed: 1, delayMs: 0, hang: false };

function statuses(behaviour: Partial<Behaviour>, elapsed: readonly number[]): readonly (number | "hang")[] {
  return elapsed.map((ms, index) => {
    const answer = answerTo(index + 1, ms, { ...QUIET, ...behaviour });
    return answer.kind === "hang" ? "hang" : answer.status;
  });
}

describe("a temporary endpoint", () => {
  test("accepts everything by default", () => expect(statuses({}, [0, 1])).toEqual([200, 200]));
  test("answers every POST with the given status", () => expect(statuses({ status: 429 }, [0, 1])).toEqual([429, 429]));
  test("fails the first N requests, then recovers", () => expect(statuses({ failFirst: 2 }, [0, 1, 2])).toEqual([503, 503, 200]));
  test("fails for exactly the given duration, then recovers", () =>
    expect(statuses({ failForMs: 30, status: 500 }, [0, 29, 30])).toEqual([500, 500, 200]));
  test("hangs always, or only for requests that fail", () => {
    expect(statuses({ hang: true }, [0])).toEqual(["hang"]);
    expect(statuses({ hang: true, failFirst: 1 }, [0, 1])).toEqual(["hang", 200]);
  });
  test("fails about the given share, and the same requests for the same seed", () => {
    const thousand = Array.from({ length: 1_000 }, () => 0);
    const failures = statuses({ flaky: 0.2, seed: 7 }, thousand).filter((status) => status === 503).length;
    expect(Math.abs(failures - 200)).toBeLessThan(50);
    expect(statuses({ flaky: 0.2, seed: 7 }, thousand)).toEqual(statuses({ flaky: 0.2, seed: 7 }, thousand));
    expect(statuses({ flaky: 0.2, seed: 8 }, thousand)).not.toEqual(statuses({ flaky: 0.2, seed: 7 }, thousand));
  });
});
