import { beforeEach, describe, expect, it } from "vitest";
import { CommitTiming } from "../../../../src/dispatcher/outcomes/commit-timing.js";
import { OutcomeLog } from "../../../../src/dispatcher/outcomes/outcome-log.js";
import { NO_JITTER } from "../../../support/dispatcher/simulation.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

let clock: VirtualClock;
let log: OutcomeLog;
let timing: CommitTiming;

beforeEach(() => {
  clock = new VirtualClock();
  log = new OutcomeLog(NO_JITTER);
  timing = new CommitTiming({ clock, log, gatherMs: 4 });
});

function hold(count: number): void {
  for (let seq = 1; seq <= count; seq += 1) {
    log.addHolding({ callbackId: "C", callId: `${seq}`, callSeq: seq, at: 0, downSince: 0, random: 0.5 }, 1);
    timing.noteOutcome();
  }
}

describe("outcomes", () => {
  it("gather from the first step on that sees them, until their time is over", async () => {
    hold(1);
    const gathered = timing.waitForOutcomes();
    clock.advance(3);
    expect(await Promise.race([gathered, clock.nextTurn()])).toBeUndefined();
    clock.advance(1);
    expect(await gathered).toBe(true);
  });

  it("don't gather longer because new responses come again and again", async () => {
    hold(1);
    const answers = [];
    for (let step = 0; step < 5; step += 1) {
      timing.noteResponses();
      answers.push(await timing.waitForOutcomes());
      timing.noteRead();
      clock.advance(1);
    }
    expect(answers).toEqual([false, false, false, false, true]);
  });

  it("are committed at once when the group is full, whatever comes", async () => {
    hold(1);
    const gathered = timing.waitForOutcomes();
    hold(511);
    timing.noteResponses();
    expect([await gathered, timing.isFull]).toEqual([true, true]);
  });
});
