import { describe, it } from "vitest";
import { RUNS } from "../support/dispatcher/arbitrary-commands.js";
import type { Command } from "../support/dispatcher/dispatch-run.js";
import { onSqlite } from "../support/store/fresh-stores.js";
import { describeModel, ONE_CALLBACK, playCommands } from "./dispatcher-model.js";

describeModel("a dispatcher under random commands", onSqlite, "agreement", RUNS);

describe("a dispatcher whose endpoint goes down while the body of a call that it has taken is read", () => {
  it("agrees with the reference model: the call leaves, as those in flight do", () => {
    const commands: readonly Command[] = [
      { act: "stop", by: { act: "accept", callback: 0, count: 12 } },
      { act: "become", callback: 0, behaviour: "down" },
      { act: "intrude", after: 0, by: { act: "accept", callback: 0, count: 1, bytes: 20_000 } },
    ];
    return onSqlite((store) => playCommands("agreement", store, ONE_CALLBACK, commands));
  });
});
