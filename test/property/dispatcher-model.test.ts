/** Whatever users, endpoints and the store do, the rules hold: random commands against the reference model. */
import { describe, it } from "vitest";
import { command, keepsItsRules } from "../support/dispatcher/dispatch-commands.js";

describe("a dispatcher, whatever happens to it", () => {
  it("keeps its rules", { timeout: 600_000 }, () => keepsItsRules(command));
});
