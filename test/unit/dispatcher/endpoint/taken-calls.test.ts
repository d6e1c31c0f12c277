import { beforeEach, describe, expect, it } from "vitest";
import { DeliveryBudget } from "../../../../src/dispatcher/delivery-budget.js";
import type { EndpointState } from "../../../../src/dispatcher/endpoint/endpoint-state.js";
import { commitCall, endCall, settleCall, withdrawCall } from "../../../../src/dispatcher/endpoint/settle-call.js";
import { fitRequest, takeCall } from "../../../../src/dispatcher/endpoint/take-call.js";
import { ACCEPTED, aCall, anAttempt } from "../../../support/builders.js";
import { AT, aDownEndpoint, anEndpoint, someCalls } from "../../../support/dispatcher/an-endpoint.js";
import { HOUR, MINUTE } from "../../../support/dispatcher/simulation.js";

const MIB = 1024 * 1024;
const SETTLED = { ...AT, jitter: 0.5 };
let budget: DeliveryBudget<EndpointState>;

beforeEach(() => {
  budget = new DeliveryBudget(64 * MIB);
});

function take(endpoint: EndpointState, share = 64) {
  return takeCall(endpoint, share, budget, AT);
}

/** Fails the test where no call is taken. */
function takeOne(endpoint: EndpointState) {
  const taken = take(endpoint);
  if (typeof taken === "string") throw new Error(`no call was taken: ${taken}`);
  return taken;
}

describe("the next call of an endpoint", () => {
  it("is a probe, or one of the backlog, or every fourth time a new response", () => {
    const endpoint = anEndpoint();
    endpoint.queues.probe.fill(someCalls([1]), AT.monotonicMs);
    endpoint.queues.backlog.fill(someCalls([2, 3, 4, 5], MINUTE), AT.monotonicMs);
    endpoint.queues.fresh.fill(someCalls([6, 7]), AT.monotonicMs);
    const taken = Array.from({ length: 7 }, () => takeOne(endpoint));
    expect(taken.map(({ call }) => call.seq)).toEqual([1, 2, 3, 6, 4, 5, 7]);
    expect(taken.map(({ cause }) => cause)).toEqual(["probe", "retry", "retry", "first", "retry", "retry", "first"]);
    expect([take(endpoint), endpoint.requestsInFlight, endpoint.inFlight.size]).toEqual(["nothing", 7, 7]);
  });

  it("waits while as many are in flight as the endpoint, or its share of the slots, permits", () => {
    const endpoint = aDownEndpoint();
    endpoint.queues.backlog.fill(someCalls([1, 2], MINUTE), AT.monotonicMs);
    endpoint.requestsInFlight = 3;
    expect(take(endpoint, 3)).toBe("limited");
    endpoint.requestsInFlight = 10;
    expect(take(endpoint)).toBe("nothing");
  });

  it("is read again if it was read over a second ago", () => {
    const endpoint = anEndpoint();
    endpoint.queues.fresh.fill(someCalls([1]), AT.monotonicMs - 1_001);
    expect([take(endpoint), endpoint.queues.fresh.length, endpoint.hints.mayHavePending]).toEqual(["stale", 0, true]);
  });

  it("isn't one whose window has ended: its retry is cancelled with the next read", () => {
    const endpoint = anEndpoint();
    endpoint.queues.backlog.fill(someCalls([1], AT.now - HOUR - 1), AT.monotonicMs);
    expect([take(endpoint), endpoint.hints.dueAt]).toEqual(["nothing", AT.now]);
  });

  it("waits for room for its body", () => {
    const [endpoint, other] = [anEndpoint(), anEndpoint()];
    budget.tryHold(other, 64 * MIB);
    budget.tryHold(endpoint, 1_000);
    endpoint.queues.fresh.fill(someCalls([1]), AT.monotonicMs);
    expect([take(endpoint), endpoint.queues.fresh.length]).toEqual(["nothing", 1]);
    budget.release(other, 64 * MIB);
    expect([budget.takeOffered(), takeOne(endpoint).call.seq]).toEqual([[endpoint], 1]);
  });
});

describe("a call that was taken", () => {
  it("gives its memory and its place back when its request ends", () => {
    const endpoint = anEndpoint();
    endpoint.queues.probe.fill(someCalls([1]), AT.monotonicMs);
    endpoint.isProbing = true;
    endCall(endpoint, takeOne(endpoint), budget);
    expect([budget.heldBytes, endpoint.requestsInFlight, endpoint.isProbing]).toEqual([0, 0, false]);
  });

  it("doesn't count for its round if it wasn't sent", () => {
    const endpoint = aDownEndpoint();
    endpoint.roundLeft = 1;
    endpoint.queues.backlog.fill(someCalls([1], MINUTE), AT.monotonicMs);
    const taken = takeOne(endpoint);
    expect([taken.isOfRound, endpoint.roundLeft, endpoint.roundInFlight]).toEqual([true, 0, 1]);
    endCall(endpoint, taken, budget);
    withdrawCall(endpoint, taken);
    expect([endpoint.roundLeft, endpoint.roundInFlight, endpoint.inFlight.size]).toEqual([1, 0, 0]);
  });

  it("isn't sent if its request turns out not to fit, and the next one is expected to grow as much", () => {
    const [endpoint, other] = [anEndpoint(), anEndpoint()];
    budget.tryHold(other, 50 * MIB);
    endpoint.queues.fresh.fill([aCall({ leftOutBytes: 4 * MIB })], AT.monotonicMs);
    const taken = takeOne(endpoint);
    expect([fitRequest(endpoint, taken, 20 * MIB, budget), endpoint.bodyGrowth]).toEqual([false, 5]);
    budget.release(other, 50 * MIB);
    expect(fitRequest(endpoint, taken, 20 * MIB, budget)).toBe(true);
    endCall(endpoint, taken, budget);
    expect(budget.heldBytes).toBe(0);
  });
});

/** A call is sent and fails, and its outcome is stored. */
function failCall(endpoint: EndpointState, call = aCall()) {
  endpoint.inFlight.add(call.seq, { dueAt: null, generation: endpoint.generation });
  endpoint.hints.dueAt = null;
  const settled = settleCall(endpoint, call, anAttempt({ startedAt: AT.now }), SETTLED);
  commitCall(endpoint, call.seq);
  return settled;
}

describe("a call that fails", () => {
  it("opens an outage, and is due again one interval after its attempt began", () => {
    const endpoint = anEndpoint();
    const opened = failCall(endpoint);
    expect(opened).toMatchObject({ countedIn: { startedAt: AT.now, failedCalls: 1 }, isNew: true });
    expect(endpoint.hints.dueAt).toBe(AT.now + 5 * MINUTE);
    expect(failCall(endpoint, aCall({ seq: 2 }))).toEqual({ countedIn: { ...opened.countedIn, failedCalls: 2 }, isNew: false });
    expect(failCall(endpoint, aCall({ seq: 2, firstFailedAt: AT.now }))).toEqual({ countedIn: null, isNew: false });
  });

  it("isn't due again with retries off", () => {
    const endpoint = anEndpoint({ retriesEnabled: false });
    failCall(endpoint);
    expect(endpoint.hints.dueAt).toBeNull();
  });

  it("is looked for in the store if others changed something while it was in flight", () => {
    const endpoint = anEndpoint();
    endpoint.inFlight.add(1, { dueAt: null, generation: endpoint.generation - 1 });
    endpoint.hints.mayHavePending = false;
    commitCall(endpoint, 1);
    expect(endpoint.hints.mayHavePending).toBe(true);
  });
});

describe("a call that changes the endpoint's state", () => {
  it("outdates what was read, as other calls are due now", () => {
    const endpoint = aDownEndpoint();
    endpoint.queues.backlog.fill(someCalls([2, 3], MINUTE), AT.monotonicMs);
    endpoint.roundLeft = 2;
    settleCall(endpoint, aCall(), anAttempt({ startedAt: AT.now, result: ACCEPTED }), SETTLED);
    expect([endpoint.health.endpoint.state, endpoint.queues.backlog.length, endpoint.roundLeft]).toEqual(["recovering", 0, 0]);
  });
});

describe("a delivered call that had failed before", () => {
  it("may have been the last one of its outage", () => {
    const endpoint = aDownEndpoint();
    endpoint.mayBeOver = false;
    const attempt = anAttempt({ startedAt: AT.now, result: ACCEPTED });
    settleCall(endpoint, aCall({ firstFailedAt: AT.now - MINUTE }), attempt, SETTLED);
    expect(endpoint.mayBeOver).toBe(true);
  });
});
