import { describe, expect, it } from "vitest";
import type { JournalLine } from "../../../../src/runs/journal/journal-line.js";
import type { RunHeader } from "../../../../src/runs/journal/run-record.js";
import { RunLedger } from "../../../../src/runs/journal/run-state.js";
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

const session = (concurrency: number, bootId = "boot"): JournalLine => ({
  step: "session",
  at: 2,
  who: "ada",
  bootId,
  concurrency,
});
const sent = (...calls: string[]): JournalLine[] => calls.map((call) => ({ step: "sent", call, at: 3 }));
const accepted = (call: string): JournalLine => ({ step: "accepted", call, at: 4, ms: 5 });

/** States by call after these lines of a run of calls A to F, whose process was killed. */
function statesAfter(lines: readonly JournalLine[], bootId = "boot"): Record<string, string> {
  const ledger = new RunLedger();
  ledger.take({ step: "run", version: 1, header: HEADER });
  for (const call of "ABCDEF") ledger.take({ step: "planned", callback: "CB", call, do: "send" });
  for (const line of lines) ledger.take(line);
  ledger.closeSession(bootId);
  return Object.fromEntries(ledger.calls().map(({ id, state }) => [id, state]));
}

describe("after a kill", () => {
  it("what was said to be sent and has no outcome is unknown, but never more than could be under way", () => {
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

  it("of the machine all that was said to be sent is unknown, since outcomes may be lost with it", () => {
    const states = statesAfter([session(2), ...sent("A", "B", "C", "D"), accepted("A")], "another boot");
    expect(states).toEqual({ A: "accepted", B: "unknown", C: "unknown", D: "unknown", E: "left", F: "left" });
  });

  it("the next session's start settles what the one before left open, and what is unknown stays so", () => {
    const lines = [session(1), ...sent("A", "B"), session(1), ...sent("B"), accepted("B")];
    expect(statesAfter(lines)).toMatchObject({ A: "unknown", B: "accepted", C: "left" });
  });

  it("a call that was put off counts as not sent, and is under way again when it is said again", () => {
    const deferred: JournalLine = { step: "deferred", call: "A", at: 4, ms: 1, status: 429, message: "Too Many Requests" };
    expect(statesAfter([session(1), ...sent("A", "B"), deferred]).A).toBe("left");
    expect(statesAfter([session(1), ...sent("A"), deferred, ...sent("A")]).A).toBe("unknown");
  });
});

describe("a session that ended in order", () => {
  it("leaves nothing unknown: what was announced and not sent is left", () => {
    const ledger = new RunLedger();
    const lines: JournalLine[] = [session(2), ...sent("A", "B"), accepted("A")];
    ledger.take({ step: "run", version: 1, header: HEADER });
    for (const call of "AB") ledger.take({ step: "planned", callback: "CB", call, do: "send" });
    for (const line of lines) ledger.take(line);
    ledger.take({ step: "ended", at: 9, reason: "interrupted", counts: ledger.counts() });
    ledger.closeSession("boot");
    expect(ledger.counts()).toMatchObject({ planned: 2, accepted: 1, left: 1, unknown: 0, toMark: 1 });
    ledger.take({ step: "marked", calls: ["A"], as: "SUCCESS", at: 10 });
    expect(ledger.counts()).toMatchObject({ accepted: 1, marked: 1, toMark: 0 });
  });
});
