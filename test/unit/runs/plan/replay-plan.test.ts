import { describe, expect, it } from "vitest";
import type { ListedCall } from "../../../../src/client/client.js";
import { timeOrderedId } from "../../../../src/platform/random.js";
import { SendOrder } from "../../../../src/runs/plan/replay-plan.js";
import { aListedCall } from "../../../support/cli/listed.js";
import { seededRandom } from "../../../support/time/seeded-random.js";

const NOW = Date.UTC(2026, 10, 24, 9, 30);
const random = seededRandom(3);

/** The call was attempted last at that instant, and its response says another date. */
function aCall(id: string, attemptedAt: number | null, date = "24/11/26 09:00"): ListedCall {
  const { response, ...call } = aListedCall({ id, attemptedAt });
  return { ...call, response: { ...response, responseMessage: { ...response.responseMessage, date } } };
}

/** Returns the places of these calls in a list, in sending order. */
function placesOf(calls: readonly ListedCall[]): number[] {
  const order = new SendOrder();
  for (const call of calls) order.add(call, NOW);
  return [...order.indexes()];
}

const made = (at: number): string => timeOrderedId(at, random);
const opaque = (digit: string): string => digit.repeat(32);

describe("the sending order", () => {
  it("of ids that contain their time is by that time, whatever was attempted last", () => {
    const calls = [aCall(made(NOW - 1_000), NOW - 9_000), aCall(made(NOW - 3_000), NOW), aCall(made(NOW - 2_000), 0)];
    expect(placesOf(calls)).toEqual([1, 2, 0]);
  });

  it("of other ids is by the responses' dates, then by the last attempts", () => {
    const calls = [
      aCall(opaque("A"), NOW - 1_000, "24/11/26 09:10"),
      aCall(opaque("B"), NOW - 2_000, "24/11/26 09:10"),
      aCall(opaque("C"), NOW, "24/11/26 08:59"),
    ];
    expect(placesOf(calls)).toEqual([2, 1, 0]);
  });

  it("takes the last attempt for a response that has no date", () => {
    const [early, late] = [Date.UTC(2026, 10, 24, 8), Date.UTC(2026, 10, 24, 9, 5)];
    const calls = [aCall(opaque("A"), late, ""), aCall(opaque("B"), NOW), aCall(opaque("C"), early, "")];
    expect(placesOf(calls)).toEqual([2, 1, 0]);
  });

  it("of calls that are alike is the reverse of the list's", () => {
    expect(placesOf(["A", "B", "C"].map((digit) => aCall(opaque(digit), NOW)))).toEqual([2, 1, 0]);
  });

  it("ignores the times in ids if one of them has none", () => {
    const calls = [aCall(made(NOW - 9_000), NOW, "24/11/26 09:20"), aCall(opaque("A"), NOW, "24/11/26 09:10")];
    expect(placesOf(calls)).toEqual([1, 0]);
  });

  it("ignores the time in an id that has this format by chance: before 2020, or in the future", () => {
    for (const at of [Date.UTC(2019, 11, 31), NOW + 86_400_001]) {
      const calls = [aCall(made(NOW - 1_000), NOW, "24/11/26 08:00"), aCall(made(at), NOW, "24/11/26 09:00")];
      expect(placesOf(calls)).toEqual([0, 1]);
    }
  });
});
