/** Random commands against the reference model, on a wall clock that is set back and forth; a file of its own, to run beside the other. */
import { describe, it } from "vitest";
import { jumpyCommand, keepsItsRules } from "../support/dispatcher/dispatch-commands.js";

describe("a dispatcher whose clock is set", () => {
  it("keeps its rules", { timeout: 600_000 }, () => keepsItsRules(jumpyCommand, 1 / 2));
});
