import { describe, expect, it } from "vitest";
import { OutcomeLog } from "../../../src/dispatcher/outcome-log.js";
import { NEW_ENDPOINT } from "../../../src/domain/endpoint.js";
import { anAttempt } from "../../support/builders.js";

const POLICY = { intervalMs: 1, windowMs: 2, jitter: false };
const outcome = (callSeq: number) => ({ callbackId: "A", callSeq, attempt: anAttempt(), random: 0, recovery: 0 });
const state = (recovery: number) => ({ callbackId: "A", endpoint: { ...NEW_ENDPOINT, recovery }, outage: null });

describe("an outcome log", () => {
  it("gives what has gathered as one group, the last state of each endpoint in it", () => {
    const log = new OutcomeLog(POLICY);
    log.addAttempt(outcome(1));
    log.changeEndpoint(state(1));
    log.addAttempt(outcome(2));
    log.changeEndpoint(state(2));
    expect(log.next()).toEqual({
      attempts: [outcome(1), outcome(2)],
      holdings: [],
      endpoints: [state(2)],
      closedOutages: [],
      mails: [],
      policy: POLICY,
    });
  });

  it("offers a group that couldn't be committed again before what came later", () => {
    const log = new OutcomeLog(POLICY);
    log.addAttempt(outcome(1));
    const first = log.next();
    log.addAttempt(outcome(2));
    expect(log.size).toBe(2);
    expect(log.next()).toEqual(first);
    log.committed();
    expect(log.next()?.attempts).toEqual([outcome(2)]);
    log.committed();
    expect(log.next()).toBeNull();
    expect(log.isEmpty).toBe(true);
  });

  it("knows of which callbacks something isn't committed yet", () => {
    const log = new OutcomeLog(POLICY);
    log.addAttempt(outcome(1));
    log.next();
    log.changeEndpoint({ ...state(1), callbackId: "B" });
    expect(["A", "B", "C"].map((id) => log.hasUncommitted(id))).toEqual([true, true, false]);
    log.committed();
    expect(["A", "B"].map((id) => log.hasUncommitted(id))).toEqual([false, true]);
  });

  it("isn't empty while only an endpoint's state waits", () => {
    const log = new OutcomeLog(POLICY);
    log.changeEndpoint(state(1));
    expect([log.isEmpty, log.size]).toEqual([false, 0]);
  });
});
