import { describe, expect, it } from "vitest";
import { NO_COUNTS } from "../../../../src/runs/journal/run-counts.js";
import { isOpen, RunState } from "../../../../src/runs/journal/run-state.js";
import type { RunHeader, RunStep } from "../../../../src/runs/journal/run-step.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../../src/runs/run-options.js";

const HEADER: RunHeader = {
  runId: "20261124-233015-7F3A",
  kind: "replay",
  profile: "test",
  service: "http://127.0.0.1:8787",
  who: "ada@desk",
  startedAt: 1,
  callbacks: [{ id: "CB", name: "demo", url: "http://127.0.0.1/hook" }],
  options: DEFAULT_REPLAY_OPTIONS,
};

const session = (concurrency: number, bootId = "boot"): RunStep => ({
  step: "session",
  at: 2,
  who: "ada",
  bootId,
  concurrency,
});
const sent = (...calls: string[]): RunStep[] => calls.map((call) => ({ step: "sent", call, at: 3 }));
const accepted = (call: string): RunStep => ({ step: "accepted", call, at: 4, ms: 5 });

/** Returns the states by call after these lines of a run of calls A to F, whose process was killed. */
function statesAfter(lines: readonly RunStep[], bootId = "boot"): Record<string, string> {
  const state = new RunState(HEADER);
  for (const call of "ABCDEF") state.apply({ step: "planned", callback: "CB", call, do: "send" });
  for (const line of lines) state.apply(line);
  state.closeSession(bootId);
  return Object.fromEntries(state.calls().map(({ id, state }) => [id, state]));
}

describe("after a kill", () => {
  it("what was said to be sent and has no outcome is unknown, but never more than could be in flight", () => {
    expect(statesAfter([session(2), ...sent("A", "B", "C", "D"), accepted("A")])).toEqual({
      A: "accepted",
      B: "unknown",
      C: "unknown",
      D: "left",
      E: "left",
      F: "left",
    });
  });

  it("outcomes may come in any order", () => {
    const states = statesAfter([session(2), ...sent("A", "B", "C", "D", "E"), accepted("B"), accepted("C")]);
    expect(states).toEqual({ A: "unknown", B: "accepted", C: "accepted", D: "unknown", E: "left", F: "left" });
  });

  it("of the machine, every written-ahead send is unknown, since outcomes may be lost with it", () => {
    const states = statesAfter([session(2), ...sent("A", "B", "C", "D"), accepted("A")], "another boot");
    expect(states).toEqual({ A: "accepted", B: "unknown", C: "unknown", D: "unknown", E: "left", F: "left" });
  });

  it("the next session's start settles what the one before left open, and what is unknown stays so", () => {
    const lines = [session(1), ...sent("A", "B"), session(1), ...sent("B"), accepted("B")];
    expect(statesAfter(lines)).toMatchObject({ A: "unknown", B: "accepted", C: "left" });
  });

  it("a deferred call counts as not sent, and is in flight again when it is written ahead again", () => {
    const deferred: RunStep = { step: "deferred", call: "A", at: 4, ms: 1, status: 429, message: "Too Many Requests" };
    expect(statesAfter([session(1), ...sent("A", "B"), deferred]).A).toBe("left");
    expect(statesAfter([session(1), ...sent("A"), deferred, ...sent("A")]).A).toBe("unknown");
  });
});

describe("the last request of a run of marks", () => {
  const ended = (reason: "interrupted" | "service"): RunStep => ({ step: "ended", at: 9, reason, counts: NO_COUNTS });
  const marked: RunStep = { step: "marked", calls: ["A"], as: "SUCCESS", at: 8 };
  const notFound = (call: string): RunStep => ({ step: "not-found", call, at: 8, message: "409" });

  const marking = (...calls: string[]): RunStep => ({ step: "marking", at: 7, calls });
  const asked = [session(1), marking("A", "B")];

  it.each<[string, RunStep[], string]>([
    ["after a kill", [...asked, marked], "B"],
    ["if the service failed", [...asked, marked, ended("service")], "B"],
    ["after a kill, and an interruption before a request", [...asked, session(1), ended("interrupted")], "AB"],
    [
      "if the service failed, and an interruption before a request",
      [...asked, ended("service"), session(1), ended("interrupted")],
      "AB",
    ],
    ["not once a later one was answered", [...asked, ...asked, { ...marked, calls: ["A", "B"] }, ended("interrupted")], ""],
    ["also once a later one was answered for a part of it", [...asked, ...asked, marked, ended("interrupted")], "B"],
    ["also once a later one was rejected", [...asked, ...asked, notFound("A"), ended("interrupted")], "B"],
    ["not after an interruption", [...asked, marked, ended("interrupted")], ""],
    ["not those of which it is known that they weren't", [...asked, marking(), ended("service")], ""],
    ["only those of the last one", [...asked, marking("C"), ended("service")], "C"],
    ["none if there was none", [session(1), ended("service")], ""],
  ])("may have marked: %s", (_, lines, ids) => {
    const state = new RunState({ ...HEADER, options: null });
    for (const call of "ABC") state.apply({ step: "planned", callback: "CB", call, do: "mark" });
    for (const line of lines) state.apply(line);
    expect(state.maybeMarked.map(({ id }) => id).join("")).toBe(ids);
  });

  it.each<[string, RunStep[], boolean]>([
    ["after a kill, whatever is marked then", [session(1), session(1), marked, ended("interrupted")], true],
    ["if the service failed, whatever is marked then", [session(1), ended("service"), session(1), marked], true],
    ["not while its process goes on", [session(1), marked], false],
  ])("may be executed later: %s", (_, lines, isLate) => {
    const state = new RunState({ ...HEADER, options: null });
    for (const call of "AB") state.apply({ step: "planned", callback: "CB", call, do: "mark" });
    for (const line of lines) state.apply(line);
    expect(state.hasLateRequest).toBe(isLate);
  });
});

describe("what was written ahead and not sent", () => {
  const idle: RunStep = { step: "idle", at: 5 };
  const canary: RunStep = { step: "rejected", call: "A", at: 4, ms: 5, status: 503, message: "Down", canary: true };

  it("is taken back once nothing is in flight, so that it doesn't pass for what is sent next", () => {
    const states = statesAfter([session(2), ...sent("A", "B", "C", "D"), accepted("A"), idle, ...sent("E", "F")]);
    expect(states).toEqual({ A: "accepted", B: "left", C: "left", D: "left", E: "unknown", F: "unknown" });
  });

  it("stays unknown if it was", () => {
    const killed = [session(1), ...sent("A"), session(1)];
    expect(statesAfter([...killed, ...sent("B", "A")])).toMatchObject({ A: "unknown", B: "unknown" });
    expect(statesAfter([...killed, ...sent("A"), idle]).A).toBe("unknown");
  });

  it("stays rejected if it is a canary; once sent, it is unknown and isn't open", () => {
    const state = new RunState(HEADER);
    const lines: RunStep[] = [session(1), ...sent("A"), canary, idle, session(1), ...sent("B", "A")];
    for (const call of "AB") state.apply({ step: "planned", callback: "CB", call, do: "send" });
    for (const line of lines) state.apply(line);
    expect([...state.entries()].map(({ state }) => state)).toEqual(["rejected", "left"]);
    state.apply({ step: "accepted", call: "B", at: 6, ms: 1 });
    state.closeSession("boot");
    expect(state.calls()[0]).toMatchObject({ state: "unknown", statusCode: null, message: null });
    expect([...state.entries()].some((entry) => isOpen(entry, false))).toBe(false);
    expect(state.counts()).toMatchObject({ planned: 2, accepted: 1, unknown: 1, rejected: 0, left: 0 });
  });
});

describe("a session that ended normally", () => {
  it("leaves nothing unknown: what was written ahead and not sent is left", () => {
    const state = new RunState(HEADER);
    const lines: RunStep[] = [session(2), ...sent("A", "B"), accepted("A")];
    for (const call of "AB") state.apply({ step: "planned", callback: "CB", call, do: "send" });
    for (const line of lines) state.apply(line);
    state.apply({ step: "ended", at: 9, reason: "interrupted", counts: state.counts() });
    state.closeSession("boot");
    expect(state.counts()).toMatchObject({ planned: 2, accepted: 1, left: 1, unknown: 0, toMark: 1 });
    state.apply({ step: "marked", calls: ["A"], as: "SUCCESS", at: 10 });
    expect(state.counts()).toMatchObject({ accepted: 1, marked: 1, toMark: 0 });
  });
});
