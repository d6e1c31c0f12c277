import { describe, expect, it } from "vitest";
import { CALL_ACTIONS, describeResult } from "../../../../src/server/console/call-actions.js";

const result = { done: 0, changed: 0, notFound: 0, waiting: 0 };

describe("an action's result", () => {
  it("says how many calls were changed, and what happened to the others", () => {
    expect(describeResult("success", { ...result, done: 1 })).toBe("1 call was marked successful.");
    expect(describeResult("success", { ...result, done: 190, changed: 10, notFound: 1 })).toBe(
      "190 calls were marked successful. 10 had changed in the meantime: left as they are. 1 doesn't exist any more.",
    );
    expect(describeResult("replay", { ...result, done: 5, waiting: 2 })).toBe(
      "The replay of 5 calls was requested. 2 of them wait for an earlier replay already.",
    );
    expect(describeResult("failed", { ...result, changed: 1 })).toBe(
      "No call was marked failed again. 1 had changed in the meantime: left as it is.",
    );
  });

  it("is what its confirmation names", () => {
    expect(CALL_ACTIONS.success.effect(1)).toBe("The service won't send it again.");
    expect([CALL_ACTIONS.replay.title(1), CALL_ACTIONS.success.title(12)]).toEqual(["Replay 1 call", "Mark 12 calls successful"]);
    expect(CALL_ACTIONS.replay.title(1_000_000)).toBe("Replay 1\u202f000\u202f000 calls");
  });
});
