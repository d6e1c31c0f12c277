import { describe, expect, it } from "vitest";
import { expectPending, hasOutageAt, isIdle, refreshEndpoint } from "../../../../src/dispatcher/endpoint/endpoint-state.js";
import { beginRead } from "../../../../src/dispatcher/endpoint/read-calls.js";
import { AT, aDownEndpoint, anEndpoint, POLICY, RULES, someCalls } from "../../../support/dispatcher/an-endpoint.js";
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

describe("an outage", () => {
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
});
