import { beforeEach, describe, expect, it } from "vitest";
import { CommitTiming, OutcomeLog } from "../../../../src/dispatcher/outcomes/outcome-log.js";
import { NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { anAttempt } from "../../../support/builders.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

const POLICY = { intervalMs: 1, windowMs: 2, jitter: false };
const outcome = (callSeq: number) => {
  return { callbackId: "A", callId: `call ${callSeq}`, callSeq, attempt: anAttempt(), random: 0, recovery: 0 };
};
const state = (recovery: number) => ({ callbackId: "A", endpoint: { ...NEW_ENDPOINT, recovery }, outage: null });

describe("an outcome log", () => {
  it("gives what has gathered as one group, the last state of each endpoint in it", () => {
    const log = new OutcomeLog(POLICY);
    log.addAttempt(outcome(1), 0);
    log.changeEndpoint(state(1), 0);
    log.addAttempt(outcome(2), 0);
    log.changeEndpoint(state(2), 0);
    expect(log.nextGroup()).toEqual({
      attempts: [outcome(1), outcome(2)],
      holdings: [],
      endpoints: [state(2)],
      closedOutages: [],
      mails: [],
      fences: new Map([["A", 0]]),
      policy: POLICY,
      isRepeated: false,
    });
  });

  it("offers a group that couldn't be committed again before what came later", () => {
    const log = new OutcomeLog(POLICY);
    log.addAttempt(outcome(1), 0);
    const first = log.nextGroup();
    log.addAttempt(outcome(2), 0);
    expect(log.size).toBe(2);
    expect(log.nextGroup()).toEqual({ ...first, isRepeated: true });
    log.dropCommitted();
    expect(log.nextGroup()?.attempts).toEqual([outcome(2)]);
    log.dropCommitted();
    expect(log.nextGroup()).toBeNull();
    expect(log.isEmpty).toBe(true);
  });

  it("keeps outcomes of one callback apart that have different fences, in their order", () => {
    const log = new OutcomeLog(POLICY);
    log.addAttempt(outcome(1), 7);
    log.addAttempt({ ...outcome(2), callbackId: "B" }, 1);
    log.addAttempt(outcome(3), 8);
    log.addAttempt(outcome(4), 7);
    expect([log.size, log.hasUncommitted("A"), log.hasUncommitted("B")]).toEqual([4, true, true]);
    const groups = [];
    for (let group = log.nextGroup(); group; group = log.nextGroup()) {
      groups.push([group.attempts.map(({ callSeq }) => callSeq), [...group.fences]]);
      log.dropCommitted();
    }
    expect(groups).toEqual([
      [
        [1, 2],
        [
          ["A", 7],
          ["B", 1],
        ],
      ],
      [[3], [["A", 8]]],
      [[4], [["A", 7]]],
    ]);
    expect(log.isEmpty).toBe(true);
  });

  it("knows of which callbacks something isn't committed yet", () => {
    const log = new OutcomeLog(POLICY);
    log.addAttempt(outcome(1), 0);
    log.nextGroup();
    log.changeEndpoint({ ...state(1), callbackId: "B" }, 0);
    expect(["A", "B", "C"].map((id) => log.hasUncommitted(id))).toEqual([true, true, false]);
    log.dropCommitted();
    expect(["A", "B"].map((id) => log.hasUncommitted(id))).toEqual([false, true]);
  });

  it("isn't empty while only an endpoint's state waits", () => {
    const log = new OutcomeLog(POLICY);
    log.changeEndpoint(state(1), 0);
    expect([log.isEmpty, log.size]).toEqual([false, 0]);
  });
});

describe("outcomes", () => {
  let clock: VirtualClock;
  let log: OutcomeLog;
  let timing: CommitTiming;

  beforeEach(() => {
    clock = new VirtualClock();
    log = new OutcomeLog(POLICY);
    timing = new CommitTiming({ clock, log, gatherMs: 4, groupSize: 512 });
  });

  function hold(count: number): void {
    for (let seq = 1; seq <= count; seq += 1) {
      log.addHolding({ callbackId: "C", callId: `${seq}`, callSeq: seq, at: 0 }, 1);
      timing.noteOutcome();
    }
  }

  it("gather from the first step on that sees them, until their time is over", async () => {
    hold(1);
    const gathered = timing.waitForOutcomes();
    clock.advance(3);
    expect(await Promise.race([gathered, clock.nextTurn()])).toBeUndefined();
    clock.advance(1);
    expect(await gathered).toBe(true);
  });

  it("are committed at once with the responses that are about to be stored, if they wait already", async () => {
    timing.noteCommit();
    hold(1);
    const gathered = timing.waitForOutcomes();
    expect(await Promise.race([gathered, clock.nextTurn()])).toBeUndefined();
    timing.noteCommit();
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
