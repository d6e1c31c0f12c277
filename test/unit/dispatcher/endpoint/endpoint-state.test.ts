import { describe, expect, it } from "vitest";
import {
  applyClock,
  applyOutageCheck,
  awaitsTrial,
  earlier,
  expectDue,
  expectEarlierPending,
  expectPending,
  hasOutageAt,
  invalidate,
  isIdle,
  isProbed,
  isReached,
  newEndpointState,
  prefetchedBytes,
  refreshEndpoint,
} from "../../../../src/dispatcher/endpoint/endpoint-state.js";
import { beginRead } from "../../../../src/dispatcher/endpoint/read-calls.js";
import { NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { aCallback } from "../../../support/builders.js";
import { AN_OUTAGE, AT, aDownEndpoint, anEndpoint, POLICY, RULES, someCalls } from "../../../support/dispatcher/an-endpoint.js";
import { MINUTE } from "../../../support/dispatcher/simulation.js";

describe("an endpoint that is taken over while it recovers", () => {
  it("starts with one request again, and its drain excuses what a running one would, of one interval", () => {
    const recovering = { state: "recovering", recovery: 3, limit: 40 } as const;
    const taken = anEndpoint({ endpoint: { ...recovering, recoveringSince: 2 * MINUTE } });
    expect(taken.health.endpoint).toMatchObject({ ...recovering, recoveringSince: 5 * MINUTE, limit: 1 });
    const recent = anEndpoint({ endpoint: { ...recovering, recoveringSince: 8 * MINUTE } });
    expect(recent.health.endpoint.recoveringSince).toBe(8 * MINUTE);
  });
});

const RECORD = { callback: aCallback(), fence: 3, endpoint: NEW_ENDPOINT, outage: null, pendingCalls: 0, nextDueAt: null };
const DOWN = {
  ...NEW_ENDPOINT,
  state: "down",
  roundBeganAt: AT.now - MINUTE,
  roundAt: AT.now + MINUTE,
  probeAt: AT.now + 1_000,
} as const;

describe("an endpoint that is taken over", () => {
  it("reads what the store says that it has", () => {
    const nothing = newEndpointState(RECORD, AT.now, RULES);
    expect(nothing).toMatchObject({
      fence: 3,
      isPaused: false,
      mayBeOver: false,
      hints: { mayHavePending: false, mayHaveHeld: false, dueAt: null },
      isProbing: false,
      pendingFrom: 0,
      lastBatch: Number.POSITIVE_INFINITY,
    });
    const record = { ...RECORD, outage: AN_OUTAGE, pendingCalls: 1, nextDueAt: AT.now + MINUTE };
    expect(newEndpointState(record, AT.now, RULES)).toMatchObject({
      health: { endpoint: NEW_ENDPOINT, outage: AN_OUTAGE, unrecoveredOutage: null },
      mayBeOver: true,
      // After a clock change, a later retry may be due now.
      hints: { mayHavePending: true, mayHaveHeld: true, dueAt: 0 },
    });
    expect(newEndpointState({ ...RECORD, unrecoveredOutage: AN_OUTAGE }, AT.now, RULES).health.unrecoveredOutage).toBe(AN_OUTAGE);
  });

  it("counts a repair and a requested replay of after its last round", () => {
    const stateAfter = (over: Partial<typeof RECORD.callback>) =>
      newEndpointState({ ...RECORD, endpoint: DOWN, callback: aCallback(over) }, AT.now, RULES).health.endpoint;
    const before = { roundAt: AT.now + MINUTE, probeAt: AT.now + 1_000 };
    const at = AT.now - MINUTE;
    expect(stateAfter({ repairedAt: at, replayRequestedAt: at })).toMatchObject(before);
    expect(stateAfter({ replayRequestedAt: at + 1 })).toMatchObject({ ...before, roundAt: at + 1 });
    expect(stateAfter({ repairedAt: at + 1 })).toMatchObject({ roundAt: at + 1, probeAt: at + 1 });
  });

  it("is paused if its callback is", () => {
    const callback = aCallback({ pause: { at: 0, until: AT.now + 1, by: null } });
    expect(newEndpointState({ ...RECORD, callback }, AT.now, RULES).isPaused).toBe(true);
    expect(newEndpointState({ ...RECORD, callback }, AT.now + 1, RULES).isPaused).toBe(false);
  });
});

describe("a pause", () => {
  const paused = () => {
    const endpoint = anEndpoint();
    endpoint.roundLeft = 3;
    refreshEndpoint(endpoint, { ...endpoint.callback, pause: { at: AT.now, until: AT.now + MINUTE, by: null } }, AT.now, RULES);
    return endpoint;
  };

  it("begins with the change, and ends by the time alone; both outdate what was read", () => {
    const endpoint = paused();
    expect([endpoint.isPaused, endpoint.roundLeft, endpoint.health.endpoint.state]).toEqual([true, 0, "recovering"]);
    const { generation } = endpoint;
    applyClock(endpoint, AT.now + MINUTE - 1, RULES);
    expect([endpoint.isPaused, endpoint.generation]).toEqual([true, generation]);
    applyClock(endpoint, AT.now + MINUTE, RULES);
    expect([endpoint.isPaused, endpoint.generation]).toEqual([false, generation + 1]);
    expect(endpoint.health.endpoint).toMatchObject({ state: "recovering", recoveringSince: AT.now + MINUTE });
  });

  it("closes no outage; its end closes what would have been closed meanwhile", () => {
    const endpoint = paused();
    endpoint.health = { ...endpoint.health, outage: { ...AN_OUTAGE, startedAt: AT.now - 60 * MINUTE } };
    applyClock(endpoint, AT.now + MINUTE - 1, RULES);
    expect([endpoint.closedOutages, endpoint.health.outage === null]).toEqual([[], false]);
    applyClock(endpoint, AT.now + MINUTE, RULES);
    expect(endpoint.closedOutages.map(({ endedAt }) => endedAt)).toEqual([AT.now + MINUTE]);
  });

  it("makes a round and a probe due at its end while the endpoint is down", () => {
    const endpoint = aDownEndpoint();
    const { callback } = endpoint;
    refreshEndpoint(endpoint, { ...callback, pause: { at: AT.now, until: null, by: null } }, AT.now, RULES);
    expect(endpoint.health.endpoint).toMatchObject({ roundAt: AT.now + MINUTE, probeAt: AT.now + 1_000 });
    refreshEndpoint(endpoint, callback, AT.now + 1, RULES);
    expect(endpoint.health.endpoint).toMatchObject({ state: "down", roundAt: AT.now + 1, probeAt: AT.now + 1 });
  });
});

describe("the time alone", () => {
  it("lets a call be read again that waited after a fault, and closes an outage that is over", () => {
    const endpoint = anEndpoint({ outage: { ...AN_OUTAGE, quietSince: AT.now } });
    endpoint.inFlight.add(1, { dueAt: null, generation: 0 });
    endpoint.inFlight.waitAfterFault(1, AT.now);
    applyClock(endpoint, AT.now + 999, RULES);
    expect([endpoint.hints.mayHavePending, endpoint.inFlight.size]).toEqual([false, 1]);
    applyClock(endpoint, AT.now + 1_000, RULES);
    expect([endpoint.hints, endpoint.inFlight.size]).toEqual([{ mayHavePending: true, mayHaveHeld: true, dueAt: 0 }, 0]);
    applyClock(endpoint, AT.now + 5 * MINUTE, RULES);
    expect(endpoint.closedOutages).toEqual([{ ...AN_OUTAGE, quietSince: AT.now, endedAt: AT.now + 5 * MINUTE }]);
  });
});

describe("an outage", () => {
  it("is closed by a check that finds none of its calls FAILED, and isn't checked again", () => {
    const endpoint = anEndpoint({ outage: AN_OUTAGE });
    applyOutageCheck(endpoint, { hasFailed: true, hasDelivered: false }, AT.now);
    expect([endpoint.mayBeOver, endpoint.health.outage, endpoint.closedOutages]).toEqual([false, AN_OUTAGE, []]);
    applyOutageCheck(endpoint, { hasFailed: false, hasDelivered: false }, AT.now);
    expect([endpoint.health.outage, endpoint.closedOutages]).toEqual([null, [{ ...AN_OUTAGE, endedAt: AT.now }]]);
  });

  it("isn't open from when it is over, so nothing is held in it", () => {
    const endpoint = anEndpoint({ outage: { id: "OLD", startedAt: 0, failedCalls: 1, quietSince: MINUTE } });
    expect([6 * MINUTE - 1, 6 * MINUTE].map((at) => hasOutageAt(endpoint, at, POLICY))).toEqual([true, false]);
  });
});

describe("an endpoint whose callback was changed", () => {
  it("reads its calls again, as what it had read is outdated", () => {
    const endpoint = anEndpoint();
    endpoint.queues.fresh.fill(someCalls([1, 2]), AT.monotonicMs);
    refreshEndpoint(endpoint, endpoint.callback, AT.now, RULES);
    expect([endpoint.queues.fresh.length, endpoint.generation, endpoint.hints.mayHavePending]).toEqual([0, 1, true]);
  });

  it("may have an outage that is over, and only then is it checked", () => {
    const [quiet, failing] = [anEndpoint(), anEndpoint({ outage: AN_OUTAGE })];
    for (const endpoint of [quiet, failing]) {
      endpoint.mayBeOver = false;
      refreshEndpoint(endpoint, endpoint.callback, AT.now, RULES);
    }
    expect([quiet.mayBeOver, failing.mayBeOver]).toEqual([false, true]);
  });

  it("reads new responses from the first one if held ones may be PENDING again", () => {
    const endpoint = anEndpoint();
    const start = (over: Partial<typeof endpoint.callback>, now: number) => {
      endpoint.pendingFrom = 9;
      refreshEndpoint(endpoint, { ...endpoint.callback, ...over }, now, RULES);
      return endpoint.pendingFrom;
    };
    expect(start({}, 5 * MINUTE)).toBe(9);
    // Two changes of one millisecond look like one, and a change is stored up to five minutes later.
    expect(start({}, 5 * MINUTE - 1)).toBe(0);
    expect(start({ retriesEnabled: false }, AT.now)).toBe(0);
    expect(start({ repairedAt: MINUTE }, AT.now)).toBe(0);
    expect(start({}, AT.now)).toBe(9);
    expectEarlierPending(endpoint);
    expect(endpoint.pendingFrom).toBe(0);
  });

  it("isn't repaired again by what was known, nor asked for a replay again", () => {
    const endpoint = aDownEndpoint();
    endpoint.callback = { ...endpoint.callback, repairedAt: AT.now, replayRequestedAt: AT.now };
    refreshEndpoint(endpoint, endpoint.callback, AT.now, RULES);
    expect(endpoint.health.endpoint).toMatchObject({ roundAt: AT.now + MINUTE, probeAt: AT.now + 1_000 });
  });

  it("is due for a round and a probe at once if it is down and the callback was repaired", () => {
    const endpoint = aDownEndpoint();
    refreshEndpoint(endpoint, { ...endpoint.callback, repairedAt: AT.now }, AT.now, RULES);
    expect(endpoint.health.endpoint).toMatchObject({ roundAt: AT.now, probeAt: AT.now });
    expect(endpoint.health).not.toBe(endpoint.loggedHealth);
  });

  it("is due for a round only, if a replay was requested", () => {
    const endpoint = aDownEndpoint();
    refreshEndpoint(endpoint, { ...endpoint.callback, replayRequestedAt: AT.now }, AT.now, RULES);
    expect(endpoint.health.endpoint).toMatchObject({ roundAt: AT.now, probeAt: AT.now + 1_000 });
  });
});

describe("an endpoint", () => {
  it("is idle once a read has found nothing, and nothing is in flight", () => {
    const endpoint = anEndpoint();
    expectPending(endpoint);
    expect(isIdle(endpoint)).toBe(false);
    beginRead(endpoint, AT.now, { calls: 1, bytes: 1 }, RULES);
    expect(isIdle(endpoint)).toBe(true);
    endpoint.inFlight.add(1, { dueAt: null, generation: 0 });
    expect(isIdle(endpoint)).toBe(false);
  });

  it("isn't idle while one of its queues has a call", () => {
    for (const name of ["probe", "fresh", "backlog"] as const) {
      const endpoint = anEndpoint();
      expect(isIdle(endpoint)).toBe(true);
      endpoint.queues[name].fill(someCalls([1]), 0);
      expect([name, isIdle(endpoint)]).toEqual([name, false]);
    }
  });

  it("takes the memory of all calls that it has read", () => {
    const endpoint = anEndpoint();
    const calls = someCalls([1]).map((call) => ({ ...call, leftOutBytes: 1 }));
    const bytes = (["probe", "fresh", "backlog"] as const).map((name) => {
      endpoint.queues[name].fill(calls, 0);
      return prefetchedBytes(endpoint);
    });
    expect(bytes).toEqual([1_024, 2_048, 3_072]);
  });

  it("is probed while it is down, with retries on", () => {
    const noRetries = aDownEndpoint();
    noRetries.callback = { ...noRetries.callback, retriesEnabled: false };
    expect([isProbed(aDownEndpoint()), isProbed(noRetries), isProbed(anEndpoint())]).toEqual([true, false, false]);
  });

  it("whose probe was read and dropped may read another; one whose probe is in flight may not", () => {
    const endpoint = aDownEndpoint();
    endpoint.isProbing = true;
    invalidate(endpoint);
    expect(endpoint.isProbing).toBe(true);
    endpoint.queues.probe.fill(someCalls([1]), 0);
    endpoint.expiryAt = 5;
    invalidate(endpoint);
    expect([endpoint.isProbing, endpoint.queues.probe.length, endpoint.generation, endpoint.expiryAt]).toEqual([false, 0, 2, 0]);
  });

  it("reads failed calls when the earliest of them is due", () => {
    const { hints } = anEndpoint();
    const dueAt = [9, 5, 7].map((at) => {
      expectDue(hints, at);
      return hints.dueAt;
    });
    expect([dueAt, hints.mayHaveHeld]).toEqual([[9, 5, 5], true]);
  });

  it("that lacks something waits for its trial, and no longer because the clock was set back", () => {
    const endpoint = anEndpoint();
    expect(awaitsTrial(endpoint, 0)).toBe(false);
    endpoint.shortage = { retryAt: 1_000, waitMs: 400 };
    expect([599, 600, 999, 1_000].map((now) => awaitsTrial(endpoint, now))).toEqual([false, true, true, false]);
  });
});

it("an instant is reached from then on, and none never is", () => {
  expect([isReached(5, 4), isReached(5, 5), isReached(null, 5)]).toEqual([false, true, false]);
  expect([earlier(1, 2), earlier(2, 1), earlier(null, 2), earlier(1, null), earlier(null, null)]).toEqual([1, 1, 2, 1, null]);
});
