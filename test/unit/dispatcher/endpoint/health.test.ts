import { describe, expect, it } from "vitest";
import {
  closesAt,
  type Health,
  healthAfterChanges,
  healthAfterCheck,
  healthAfterDrain,
  healthAfterFailure,
  healthAfterHolding,
  healthAfterPause,
  healthAfterSuccess,
  healthAtPause,
  healthAtRound,
  healthByClock,
  healthWithoutHoldings,
} from "../../../../src/dispatcher/endpoint/health.js";
import { type Endpoint, NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { POLICY } from "../../../support/dispatcher/an-endpoint.js";
import { HOUR, MINUTE } from "../../../support/dispatcher/simulation.js";

/** It would have closed at 6 minutes, had anybody looked. */
const OUTAGE = { id: "OLD", startedAt: 0, failedCalls: 1, quietSince: MINUTE };
const newId = () => "NEW";

function aHealth(endpoint: Partial<Endpoint> = {}, outage: Health["outage"] = OUTAGE): Health {
  return { endpoint: { ...NEW_ENDPOINT, ...endpoint }, outage, unrecoveredOutage: null };
}

function fail(health: Health, over: { callSeq?: number; isFirst?: boolean } = {}) {
  const failure = { callSeq: 1, cause: "first", beganAt: 9 * MINUTE, at: 9 * MINUTE, isFirst: true, ...over } as const;
  return healthAfterFailure(health, failure, POLICY, 0.5, newId);
}

describe("an outage that ended unnoticed", () => {
  it("is ended by a first failure as of when it was over, and another one opens, which owes an e-mail", () => {
    const { health, closed, isNew } = fail(aHealth());
    expect([closed, isNew]).toEqual([{ ...OUTAGE, endedAt: 6 * MINUTE }, true]);
    expect(health.outage).toEqual({ id: "NEW", startedAt: 9 * MINUTE, failedCalls: 1, quietSince: null });
  });

  it("is ended by a success with the state that it was over in: one that ends the time down doesn't prolong it", () => {
    const down = aHealth({ state: "down" }, { ...OUTAGE, startedAt: -HOUR });
    const { health, closed } = healthAfterSuccess(down, 9 * MINUTE, POLICY, 64);
    expect([closed?.endedAt, health.outage, health.endpoint.state]).toEqual([0, null, "recovering"]);
  });

  it("is ended by the time alone, once", () => {
    const { health, closed } = healthByClock(aHealth(), 10 * MINUTE, POLICY, false);
    expect([health.outage, closed?.endedAt]).toEqual([null, 6 * MINUTE]);
    expect(healthByClock(health, 11 * MINUTE, POLICY, false)).toEqual({ health, closed: null });
  });
});

describe("an open outage", () => {
  const open = { ...OUTAGE, quietSince: null };

  it("owes no second e-mail for further failures, and retries don't count", () => {
    const first = fail(aHealth({}, open));
    expect([first.isNew, first.health.outage?.failedCalls]).toEqual([false, 2]);
    const retry = fail(aHealth({}, open), { isFirst: false });
    expect([retry.isNew, retry.health.outage, retry.health.endpoint.failedCalls]).toEqual([false, open, [1]]);
  });

  it("closes when the drain of a recovery ends, if it has been quiet for long enough", () => {
    const recovering = aHealth({ state: "recovering", recovery: 1 });
    const { health, closed } = healthAfterDrain(recovering, 10 * MINUTE, POLICY);
    expect([health.endpoint.state, closed?.endedAt]).toEqual(["up", 10 * MINUTE]);
    expect(healthAfterDrain(aHealth({ state: "recovering" }, open), 10 * MINUTE, POLICY).closed).toBeNull();
  });

  it("closes when none of its calls is FAILED any more, and is remembered if marks did that", () => {
    const before = aHealth({}, open);
    expect(healthAfterCheck(before, { hasFailed: true, hasDelivered: false }, MINUTE)).toEqual({ health: before, closed: null });
    const marked = healthAfterCheck(before, { hasFailed: false, hasDelivered: false }, MINUTE);
    expect([marked.closed?.endedAt, marked.health.outage, marked.health.unrecoveredOutage]).toEqual([MINUTE, null, open]);
    const delivered = healthAfterCheck(before, { hasFailed: false, hasDelivered: true }, MINUTE);
    expect(delivered.health.unrecoveredOutage).toBeNull();
  });
});

describe("an outage", () => {
  const open = { ...OUTAGE, quietSince: null };

  it("closes from its very instant on, not a millisecond before", () => {
    const drained = (at: number) => healthAfterDrain(aHealth({ state: "recovering" }), at, POLICY).closed?.endedAt;
    expect([drained(6 * MINUTE - 1), drained(6 * MINUTE)]).toEqual([undefined, 6 * MINUTE]);
    const byClock = (at: number) => healthByClock(aHealth(), at, POLICY, false).closed?.endedAt;
    expect([byClock(6 * MINUTE - 1), byClock(6 * MINUTE)]).toEqual([undefined, 6 * MINUTE]);
    const paused = (at: number) => healthAfterPause(aHealth({}, open), at, POLICY).closed?.endedAt;
    expect([paused(HOUR - 1), paused(HOUR)]).toEqual([undefined, HOUR]);
    expect([closesAt(aHealth(), POLICY), closesAt(aHealth({}, null), POLICY)]).toEqual([6 * MINUTE, null]);
  });

  it("isn't closed by the time alone during a pause, but its times aren't in the future", () => {
    const health = aHealth();
    expect(healthByClock(health, 10 * MINUTE, POLICY, true)).toEqual({ health, closed: null });
    expect(healthByClock(health, 30, POLICY, true).health.outage).toEqual({ ...OUTAGE, quietSince: 30 });
  });

  it("that was quiet isn't remembered as closed by marks, nor is one that is still failing", () => {
    const quiet = healthAfterCheck(aHealth(), { hasFailed: false, hasDelivered: false }, 2 * MINUTE);
    expect([quiet.closed?.endedAt, quiet.health.unrecoveredOutage]).toEqual([2 * MINUTE, null]);
    const none = aHealth({}, null);
    expect(healthAfterCheck(none, { hasFailed: false, hasDelivered: false }, MINUTE)).toEqual({ health: none, closed: null });
  });

  it("counts what is held in it, without what was skipped; without one nothing is counted", () => {
    const held = healthAfterHolding(aHealth({}, open));
    expect([held.outage?.failedCalls, healthWithoutHoldings(held, 1).outage?.failedCalls]).toEqual([2, 1]);
    const none = aHealth({}, null);
    expect([healthAfterHolding(none), healthWithoutHoldings(none, 1)]).toEqual([none, none]);
  });

  it("has been quiet since the first success", () => {
    const { health, closed } = healthAfterSuccess(aHealth({}, open), MINUTE, POLICY, 64);
    expect([health.outage, closed]).toEqual([{ ...open, quietSince: MINUTE }, null]);
  });
});

describe("an endpoint that is down", () => {
  const down = { state: "down", downSince: 0, roundAt: 20 * MINUTE, roundBeganAt: 0, probeAt: 20 * MINUTE } as const;

  it("is due for a round after a requested replay, for a probe too after a repair, and for neither without them", () => {
    const health = aHealth(down);
    expect(healthAfterChanges(health, null, null)).toBe(health);
    expect(healthAfterChanges(health, null, 5).endpoint).toMatchObject({ roundAt: 5, probeAt: 20 * MINUTE });
    expect(healthAfterChanges(health, 5, null).endpoint).toMatchObject({ roundAt: 5, probeAt: 5 });
    expect(healthAfterChanges(health, 5, 3).endpoint).toMatchObject({ roundAt: 3, probeAt: 5 });
  });

  it("has its next round one interval after one begins", () => {
    expect(healthAtRound(aHealth(down), 20 * MINUTE, POLICY, 0.5).endpoint).toMatchObject({
      roundBeganAt: 20 * MINUTE,
      roundAt: 25 * MINUTE,
    });
  });

  it("stays down in a pause, and is due for a round and a probe after it", () => {
    const health = aHealth(down);
    expect(healthAtPause(health, MINUTE)).toBe(health);
    expect(healthAfterPause(health, MINUTE, POLICY).health.endpoint).toMatchObject({
      state: "down",
      roundAt: MINUTE,
      probeAt: MINUTE,
    });
    expect(healthAtPause(aHealth(), MINUTE).endpoint).toMatchObject({ state: "recovering", recoveringSince: MINUTE });
  });
});

describe("an outage that was closed by marks", () => {
  it("reopens without an e-mail with the next first failure, and is forgotten after a success", () => {
    const marked = { ...aHealth({}, null), unrecoveredOutage: { ...OUTAGE, quietSince: null } };
    const { health, isNew } = fail(marked);
    expect([isNew, health.outage?.id, health.unrecoveredOutage]).toEqual([false, "OLD", null]);
    expect(healthAfterSuccess(marked, MINUTE, POLICY, 64).health.unrecoveredOutage).toBeNull();
  });
});

describe("a health", () => {
  it("stays the same object where nothing changes, so that nothing is stored", () => {
    const health = aHealth({}, null);
    expect(healthAfterSuccess(health, MINUTE, POLICY, 64).health).toBe(health);
    expect(healthByClock(health, MINUTE, POLICY, false).health).toBe(health);
  });
});
