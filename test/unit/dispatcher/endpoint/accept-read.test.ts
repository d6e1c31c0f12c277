import { describe, expect, it } from "vitest";
import { acceptRead } from "../../../../src/dispatcher/endpoint/accept-read.js";
import { invalidate } from "../../../../src/dispatcher/endpoint/endpoint-state.js";
import { AT, aBatch, aDownEndpoint, anEndpoint, someCalls } from "../../../support/dispatcher/an-endpoint.js";
import { MINUTE } from "../../../support/dispatcher/simulation.js";

describe("an endpoint that is up", () => {
  it("queues new responses, and failed calls that are due, without those in flight", () => {
    const endpoint = anEndpoint();
    endpoint.inFlight.add(2, { dueAt: null, generation: 0 });
    acceptRead(endpoint, aBatch(endpoint, { pending: someCalls([1, 2, 3]), failed: someCalls([4], MINUTE) }), AT);
    expect([endpoint.queues.fresh.length, endpoint.queues.backlog.length]).toEqual([2, 1]);
  });

  it("ignores what was read before it was changed", () => {
    const endpoint = anEndpoint();
    const batch = aBatch(endpoint, { pending: someCalls([1]) });
    invalidate(endpoint);
    acceptRead(endpoint, batch, AT);
    expect(endpoint.queues.fresh.length).toBe(0);
  });

  it("knows from what comes later when to read again", () => {
    const endpoint = anEndpoint();
    const [later] = someCalls([1], MINUTE);
    const upcoming = later ? [{ ...later, due: { at: AT.now + MINUTE, cause: "retry" as const } }] : [];
    acceptRead(endpoint, aBatch(endpoint, { upcoming }), AT);
    expect(endpoint.hints.dueAt).toBe(AT.now + MINUTE);
  });
});

describe("an endpoint that is down", () => {
  it("holds new responses while the last probe has failed and the next may not go yet", () => {
    const endpoint = aDownEndpoint();
    const held = acceptRead(endpoint, aBatch(endpoint, { pending: someCalls([1, 2]) }), AT);
    expect(held.map(({ seq }) => seq)).toEqual([1, 2]);
    expect([endpoint.health.outage?.failedCalls, endpoint.inFlight.size]).toEqual([3, 2]);
  });

  it("sends the oldest response as a probe that is due, and the others wait for its outcome", () => {
    const endpoint = aDownEndpoint({ probeAt: AT.now });
    const held = acceptRead(endpoint, aBatch(endpoint, { pending: someCalls([1, 2]) }), AT);
    expect([held, endpoint.isProbing]).toEqual([[], true]);
    expect([endpoint.queues.probe.head?.call.seq, endpoint.hints.mayHavePending]).toEqual([1, true]);
  });

  it("begins a round with ten requests at most, and the next is due an interval later", () => {
    const endpoint = aDownEndpoint({ roundAt: AT.now });
    const failed = someCalls([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], MINUTE);
    acceptRead(endpoint, aBatch(endpoint, { failed, hasMoreFailed: true }), AT);
    expect([endpoint.queues.backlog.length, endpoint.roundLeft, endpoint.health.endpoint.roundAt]).toEqual([
      10,
      10,
      AT.now + 5 * MINUTE,
    ]);
  });

  it("goes on with a round whose calls had to be read again, without those that it has tried", () => {
    const endpoint = aDownEndpoint({ roundAt: AT.now + MINUTE, roundBeganAt: AT.now - 1_000 });
    endpoint.roundLeft = 2;
    const [tried, ...untried] = someCalls([1, 2, 3, 4], MINUTE);
    const failed = tried ? [{ ...tried, sentAt: AT.now }, ...untried] : [];
    acceptRead(endpoint, aBatch(endpoint, { failed }, { kind: "round" }), AT);
    expect([endpoint.queues.backlog.head?.call.seq, endpoint.queues.backlog.length]).toEqual([2, 2]);
    expect(endpoint.health.endpoint.roundAt).toBe(AT.now + MINUTE);
  });
});

describe("an endpoint that recovers", () => {
  it("is up when nothing is left to try", () => {
    const endpoint = anEndpoint({ endpoint: { state: "recovering", recovery: 1, recoveringSince: 9 * MINUTE } });
    acceptRead(endpoint, aBatch(endpoint, { failed: someCalls([1], MINUTE) }), AT);
    expect(endpoint.health.endpoint.state).toBe("recovering");
    endpoint.queues.backlog.clear();
    acceptRead(endpoint, aBatch(endpoint, {}), AT);
    expect(endpoint.health.endpoint.state).toBe("up");
  });
});
