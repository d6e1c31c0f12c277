import { describe, expect, it } from "vitest";
import {
  type Health,
  healthAfterCheck,
  healthAfterDrain,
  healthAfterFailure,
  healthAfterSuccess,
  healthByClock,
} from "../../../../src/dispatcher/endpoint/health.js";
import { type Endpoint, NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { POLICY } from "../../../support/dispatcher/an-endpoint.js";
import { HOUR, MINUTE } from "../../../support/dispatcher/simulation.js";

/** It would have closed at 6 minutes, had anybody looked. */
const OUTAGE = { id: "OLD", startedAt: 0, failedCalls: 1, quietSince: MINUTE };
const newId = () => "NEW";

function aHealth(endpoint: Partial<Endpoint> = {}, outage: Health["outage"] = OUTAGE): Health {
  return { endpoint: { ...NEW_ENDPOINT, ...endpoint }, outage, markedOutage: null };
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
    expect([retry.isNew, retry.health.outage]).toEqual([false, open]);
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
    expect([marked.closed?.endedAt, marked.health.outage, marked.health.markedOutage]).toEqual([MINUTE, null, open]);
    const delivered = healthAfterCheck(before, { hasFailed: false, hasDelivered: true }, MINUTE);
    expect(delivered.health.markedOutage).toBeNull();
  });
});

describe("an outage that was closed by marks", () => {
  it("reopens without an e-mail with the next first failure, and is forgotten after a success", () => {
    const marked = { ...aHealth({}, null), markedOutage: { ...OUTAGE, quietSince: null } };
    const { health, isNew } = fail(marked);
    expect([isNew, health.outage?.id, health.markedOutage]).toEqual([false, "OLD", null]);
    expect(healthAfterSuccess(marked, MINUTE, POLICY, 64).health.markedOutage).toBeNull();
  });
});

describe("a health", () => {
  it("stays the same object where nothing changes, so that nothing is stored", () => {
    const health = aHealth({}, null);
    expect(healthAfterSuccess(health, MINUTE, POLICY, 64).health).toBe(health);
    expect(healthByClock(health, MINUTE, POLICY, false).health).toBe(health);
  });
});
