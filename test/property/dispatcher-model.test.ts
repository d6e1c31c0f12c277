import { describe, it } from "vitest";
import { RUNS } from "../support/dispatcher/arbitrary-commands.js";
import type { Command } from "../support/dispatcher/dispatch-run.js";
import { MINUTE } from "../support/dispatcher/simulation.js";
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

describe("a dispatcher whose callback is paused while its calls wait for memory", () => {
  it("agrees with the reference model: one that was read before may leave within a second", () => {
    const commands: readonly Command[] = [
      { act: "intrude", after: 7, by: { act: "accept", callback: 0, count: 40 } },
      { act: "resume", callback: 0 },
      { act: "intrude", after: 5, by: { act: "pause", callback: 0, ms: 7_000 } },
    ];
    const options = { ...ONE_CALLBACK, limits: { ...ONE_CALLBACK.limits, bodyBytes: 1 } };
    return onSqlite((store) => playCommands("agreement", store, options, commands));
  });
});

describe("a dispatcher whose callback gets another URL while the body of a call is read", () => {
  it("agrees with the reference model: the call may go to the old one within a second", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "slow" },
      { act: "accept", callback: 0, count: 5 },
      { act: "intrude", after: 9, by: { act: "edit", callback: 0 } },
      { act: "advance", ms: 30 * MINUTE },
    ];
    const options = { ...ONE_CALLBACK, limits: { ...ONE_CALLBACK.limits, bodyBytes: 1 } };
    return onSqlite((store) => playCommands("agreement", store, options, commands));
  });

  it("agrees with the reference model: it goes to the new one if the process was stopped for longer", () => {
    const commands: readonly Command[] = [
      { act: "stop", by: { act: "edit", callback: 0 } },
      { act: "intrude", after: 2, by: { act: "accept", callback: 0, count: 1 } },
      { act: "accept", callback: 0, count: 1, bytes: 300_000 },
    ];
    return onSqlite((store) => playCommands("agreement", store, ONE_CALLBACK, commands));
  });
});

describe("a dispatcher whose process is stopped as a round begins, while a replay is requested", () => {
  it("agrees with the reference model: what is left of the round leaves with the next one, which the replay makes due", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "down" },
      { act: "accept", callback: 0, count: 40 },
      { act: "advance", ms: 1 },
      { act: "stop", by: { act: "replay", callback: 0, call: 0 } },
      { act: "edit", callback: 0 },
      { act: "advance", ms: MINUTE },
    ];
    return onSqlite((store) => playCommands("agreement", store, ONE_CALLBACK, commands));
  });
});

describe("a dispatcher whose retries are switched on while the body of a new response is read", () => {
  it("agrees with the reference model: the response may leave within a second, though its endpoint is down", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "slow" },
      { act: "become", callback: 1, behaviour: "down" },
      { act: "stop", by: { act: "accept", callback: 1, count: 40 } },
      { act: "accept", callback: 0, count: 5 },
      { act: "intrude", after: 3, by: { act: "toggle", callback: 1 } },
      { act: "accept", callback: 1, count: 1 },
    ];
    const options = { ...ONE_CALLBACK, callbacks: 2, limits: { ...ONE_CALLBACK.limits, bodyBytes: 8_000 } };
    return onSqlite((store) => playCommands("agreement", store, options, commands));
  });
});

describe("a dispatcher whose process is stopped for longer than its window while the body of a retry is read", () => {
  it("agrees with the reference model: the retry isn't made", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "down" },
      { act: "accept", callback: 0, count: 1 },
      { act: "intrude", after: 7, by: { act: "freeze", ms: 70 * MINUTE } },
      { act: "advance", ms: 30 * MINUTE },
    ];
    const options = { ...ONE_CALLBACK, limits: { ...ONE_CALLBACK.limits, bodyBytes: 1 } };
    return onSqlite((store) => playCommands("agreement", store, options, commands));
  });
});

describe("a dispatcher whose process is stopped as a round begins", () => {
  it("agrees with the reference model: the next round begins an interval after this one did", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "down" },
      { act: "toggle", callback: 0 },
      { act: "accept", callback: 0, count: 12 },
      { act: "toggle", callback: 0 },
      { act: "stop", by: { act: "report", callback: 0, ahead: 0, isAccepted: false } },
      { act: "advance", ms: 11 * MINUTE },
    ];
    return onSqlite((store) => playCommands("agreement", store, ONE_CALLBACK, commands));
  });
});

describe("a dispatcher whose only slot is another endpoint's, which hangs, for longer than an interval", () => {
  it("agrees with the reference model: the round that has waited and the next one are sent at once", () => {
    const commands: readonly Command[] = [
      { act: "proxy", afterMs: 0 },
      { act: "accept", callback: 0, count: 12 },
      { act: "advance", ms: 7_000 },
      { act: "accept", callback: 1, count: 12 },
      { act: "become", callback: 0, behaviour: "down" },
      { act: "advance", ms: 5 * MINUTE },
      { act: "become", callback: 1, behaviour: "hanging" },
      { act: "stop", by: { act: "report", callback: 0, ahead: 0, isAccepted: false } },
    ];
    const options = { ...ONE_CALLBACK, callbacks: 2, limits: { ...ONE_CALLBACK.limits, inFlightInAll: 1 } };
    return onSqlite((store) => playCommands("agreement", store, options, commands));
  });
});

describe("a dispatcher whose callback is deleted while the body of a call is read", () => {
  it("agrees with the reference model: the call may leave within a second", () => {
    const commands: readonly Command[] = [
      { act: "intrude", after: 8, by: { act: "delete", callback: 0 } },
      { act: "accept", callback: 0, count: 1, bytes: 300_000 },
    ];
    return onSqlite((store) => playCommands("agreement", store, ONE_CALLBACK, commands));
  });
});

describe("a dispatcher whose callback's calls are replayed before their first failures are committed", () => {
  it("agrees with the reference model: only what has failed on disk is replayed", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "flapping" },
      { act: "intrude", after: 0, by: { act: "accept", callback: 0, count: 12 } },
      { act: "storeFails", after: 0, times: 2 },
      { act: "stop", by: { act: "replayAll", callback: 0 } },
      { act: "proxy", afterMs: 0 },
    ];
    const options = { ...ONE_CALLBACK, limits: { ...ONE_CALLBACK.limits, inFlightInAll: 1 } };
    return onSqlite((store) => playCommands("agreement", store, options, commands));
  });
});

describe("a dispatcher whose retries are switched off before the first attempt of a held call is committed", () => {
  it("agrees with the reference model: the call has first failed in that attempt", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "hanging" },
      { act: "accept", callback: 0, count: 40 },
      { act: "advance", ms: 299_999 },
      { act: "intrude", after: 1, by: { act: "toggle", callback: 0 } },
      { act: "freeze", ms: 63_000 },
    ];
    const options = { ...ONE_CALLBACK, limits: { ...ONE_CALLBACK.limits, inFlightInAll: 17 } };
    return onSqlite((store) => playCommands("agreement", store, options, commands));
  });
});

describe("a dispatcher whose requests hang for as long as its window", () => {
  it("agrees with the reference model: as no outage is open, one response an interval is sent", () => {
    const commands: readonly Command[] = [
      { act: "intrude", after: 4, by: { act: "accept", callback: 0, count: 40 } },
      { act: "become", callback: 0, behaviour: "hanging" },
      { act: "accept", callback: 0, count: 40 },
    ];
    const options = { ...ONE_CALLBACK, policy: { ...ONE_CALLBACK.policy, windowMs: MINUTE } };
    return onSqlite((store) => playCommands("agreement", store, options, commands));
  });
});

describe("a dispatcher with a body that is larger than its memory", () => {
  it("agrees with the reference model: it is sent once nothing else is in flight", () => {
    const commands: readonly Command[] = [
      { act: "become", callback: 0, behaviour: "hanging" },
      { act: "accept", callback: 0, count: 1 },
      { act: "accept", callback: 0, count: 1, bytes: 1_100_000 },
      { act: "advance", ms: 1 },
    ];
    const options = { ...ONE_CALLBACK, limits: { ...ONE_CALLBACK.limits, bodyBytes: 700_000 } };
    return onSqlite((store) => playCommands("agreement", store, options, commands));
  });
});

describe("a dispatcher whose egress proxy works again while a call is tried without it, and whose endpoint hangs then", () => {
  it("agrees with the reference model: the other calls leave a minute after the next trial", () => {
    const commands: readonly Command[] = [
      { act: "proxy", afterMs: 5_000 },
      { act: "become", callback: 0, behaviour: "hanging" },
      { act: "accept", callback: 0, count: 40 },
      { act: "advance", ms: 29 * MINUTE + 58_000 },
      { act: "proxy", afterMs: null },
      { act: "advance", ms: 1 },
    ];
    return onSqlite((store) => playCommands("agreement", store, ONE_CALLBACK, commands));
  });
});

describe("a dispatcher whose replay is cancelled while a call of it is tried without the egress proxy", () => {
  it("agrees with the reference model: the call isn't sent once the proxy works again", () => {
    const commands: readonly Command[] = [
      { act: "proxy", afterMs: 5_000 },
      { act: "accept", callback: 0, count: 1 },
      { act: "markAndUndo", callback: 0, call: 0 },
      { act: "replayAll", callback: 0 },
      { act: "cancelReplays", callback: 0 },
    ];
    return onSqlite((store) => playCommands("agreement", store, ONE_CALLBACK, commands));
  });
});
