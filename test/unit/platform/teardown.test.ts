import { describe, expect, it } from "vitest";
import { Teardown } from "../../../src/platform/teardown.js";

describe("Teardown", () => {
  it("runs all steps once, the last added first, and rejects with the first failure", async () => {
    const teardown = new Teardown();
    const done: string[] = [];
    teardown.addStep(async () => void done.push("first"));
    teardown.addStep(async () => {
      done.push("second");
      throw new Error("second failed");
    });
    const run = teardown.run();
    expect([teardown.hasBegun, teardown.run()]).toEqual([true, run]);
    await expect(run).rejects.toThrow("second failed");
    await teardown.done;
    expect(done).toEqual(["second", "first"]);
  });

  it("that a failure began runs all steps, and rejects with this failure", async () => {
    const teardown = new Teardown();
    const done: string[] = [];
    teardown.addStep(async () => {
      done.push("step");
      throw new Error("a later failure");
    });
    teardown.fail(new Error("the reason"));
    await expect(teardown.run()).rejects.toThrow("the reason");
    expect(done).toEqual(["step"]);
  });
});
