/** Its own file, so that it runs in parallel. */
import { describe, it } from "vitest";
import { RUNS } from "../support/dispatcher/arbitrary-commands.js";
import type { Command } from "../support/dispatcher/dispatch-run.js";
import { MINUTE } from "../support/dispatcher/simulation.js";
import { onSqlite } from "../support/store/fresh-stores.js";
import { describeModel, ONE_CALLBACK, playCommands } from "./dispatcher-model.js";

describeModel("a dispatcher under random commands", onSqlite, "clock", RUNS / 2);

describe("a dispatcher whose clock is set back after a call's window", () => {
  it.each([-6, -9, -60])("agrees with the reference model (%i minutes)", (minutes) => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "down" },
      { act: "accept", callback: 0, count: 1 },
      { act: "advance", ms: 30 * MINUTE },
      { act: "jump", ms: minutes * MINUTE },
      { act: "advance", ms: 11 * MINUTE },
    ];
    return onSqlite((store) => playCommands("progress", store, ONE_CALLBACK, commands));
  });
});

describe("a dispatcher whose clock is set back to before a replay's mark, while the probe hangs that the mark made due", () => {
  it("agrees with the reference model: what comes in the meantime is held once that probe has failed", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "down" },
      { act: "accept", callback: 0, count: 12 },
      { act: "intrude", after: 0, by: { act: "clientReplay", callback: 0, count: 1, isElsewhere: true } },
      { act: "intrude", after: 1, by: { act: "accept", callback: 0, count: 12 } },
      { act: "become", callback: 0, behaviour: "hanging" },
      { act: "jump", ms: -MINUTE },
    ];
    return onSqlite((store) => playCommands("progress", store, ONE_CALLBACK, commands));
  });
});

describe("an outage that reopens, as the clock was set back to before its window, and closes again in the same transaction", () => {
  it("counts the calls that failed meanwhile", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "hanging" },
      { act: "accept", callback: 0, count: 1 },
      { act: "restart" },
      { act: "jump", ms: -60 * MINUTE },
      { act: "accept", callback: 0, count: 5, bytes: 20_000 },
    ];
    const options = { ...ONE_CALLBACK, policy: { ...ONE_CALLBACK.policy, windowMs: MINUTE } };
    return onSqlite((store) => playCommands("clock", store, options, commands));
  });
});
