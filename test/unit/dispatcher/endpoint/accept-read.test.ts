import { describe, expect, it } from "vitest";
import { acceptAndLog, acceptRead } from "../../../../src/dispatcher/endpoint/accept-read.js";
import { type EndpointState, invalidate } from "../../../../src/dispatcher/endpoint/endpoint-state.js";
import { OutcomeLog } from "../../../../src/dispatcher/outcomes/outcome-log.js";
import { NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { AN_OUTAGE, AT, aBatch, aDownEndpoint, anEndpoint, POLICY, someCalls } from "../../../support/dispatcher/an-endpoint.js";
import { HOUR, MINUTE } from "../../../support/dispatcher/simulation.js";

const seqsIn = ({ queues }: EndpointState, name: keyof EndpointState["queues"]) => {
  const seqs: number[] = [];
  for (let { head } = queues[name]; head; { head } = queues[name]) {
    seqs.push(head.call.seq);
    queues[name].dropHead();
  }
  return seqs;
};
const dueAt = (seq: number, at: number, over: object = {}) =>
  someCalls([seq], MINUTE).map((call) => ({ ...call, due: { at, cause: "retry" as const }, ...over }));

describe("an endpoint that is up", () => {
  it("queues new responses, and failed calls that are due, without those in flight", () => {
    const endpoint = anEndpoint();
    endpoint.inFlight.add(2, { dueAt: null, generation: 0 });
    acceptRead(endpoint, aBatch(endpoint, { pending: someCalls([1, 2, 3]), failed: someCalls([4], MINUTE) }), AT);
    expect([endpoint.queues.fresh.length, endpoint.queues.backlog.length]).toEqual([2, 1]);
  });

  it("holds nothing", () => {
    const log = new OutcomeLog(POLICY);
    const endpoint = anEndpoint();
    expect(acceptRead(endpoint, aBatch(endpoint, { pending: someCalls([1]) }), AT)).toEqual([]);
    acceptAndLog(endpoint, aBatch(endpoint, { pending: someCalls([1]) }), AT, log);
    expect([log.isEmpty, endpoint.queues.fresh.length]).toEqual([true, 1]);
  });

  it("ignores what was read before it was changed", () => {
    const endpoint = anEndpoint();
    const batch = aBatch(endpoint, { pending: someCalls([1]) });
    invalidate(endpoint);
    expect(acceptRead(endpoint, batch, AT)).toEqual([]);
    expect(endpoint.queues.fresh.length).toBe(0);
  });

  it("knows whether there are more, and from which response on", () => {
    const endpoint = anEndpoint();
    const batch = aBatch(endpoint, { pending: someCalls([5, 6]), hasMorePending: true });
    expect(endpoint.hints.mayHavePending).toBe(false);
    acceptRead(endpoint, batch, AT);
    expect([endpoint.hints.mayHavePending, endpoint.pendingFrom]).toEqual([true, 5]);
    acceptRead(endpoint, aBatch(endpoint, {}), AT);
    expect([endpoint.hints.mayHavePending, endpoint.pendingFrom]).toEqual([false, 5]);
  });

  it("keeps the responses that it has if the read was for failed calls, and has no failed ones without such a read", () => {
    const endpoint = anEndpoint();
    endpoint.queues.fresh.fill(someCalls([1]), 0);
    const batch = aBatch(endpoint, { failed: someCalls([2], MINUTE) });
    acceptRead(endpoint, { ...batch, request: { ...batch.request, wantsPending: false } }, AT);
    expect([seqsIn(endpoint, "fresh"), seqsIn(endpoint, "backlog")]).toEqual([[1], [2]]);
    acceptRead(endpoint, { ...batch, request: { ...batch.request, failed: null } }, AT);
    expect(seqsIn(endpoint, "backlog")).toEqual([]);
  });

  it("remembers when what it read was read", () => {
    const endpoint = anEndpoint();
    acceptRead(endpoint, aBatch(endpoint, { pending: someCalls([1]) }), AT);
    const { fresh } = endpoint.queues;
    expect([AT.monotonicMs, AT.monotonicMs + 1].map((instant) => fresh.isOlderThan(instant))).toEqual([false, true]);
  });

  it("doesn't queue what waits to be sent as a probe", () => {
    const endpoint = anEndpoint();
    endpoint.queues.probe.fill(someCalls([1]), 0);
    acceptRead(endpoint, aBatch(endpoint, { pending: someCalls([1, 2]), failed: someCalls([1, 3], MINUTE) }), AT);
    expect([seqsIn(endpoint, "fresh"), seqsIn(endpoint, "backlog")]).toEqual([[2], [3]]);
  });

  it("knows from what comes later when to read again", () => {
    const endpoint = anEndpoint();
    const [later] = someCalls([1], MINUTE);
    const upcoming = later ? [{ ...later, due: { at: AT.now + MINUTE, cause: "retry" as const } }] : [];
    acceptRead(endpoint, aBatch(endpoint, { upcoming }), AT);
    expect(endpoint.hints.dueAt).toBe(AT.now + MINUTE);
  });

  it("reads again at once if there are more that are due, or only busy ones were seen of what comes later", () => {
    const next = (found: Parameters<typeof aBatch>[1], busy: readonly number[] = []) => {
      const endpoint = anEndpoint();
      for (const seq of busy) endpoint.inFlight.add(seq, { dueAt: null, generation: 0 });
      acceptRead(endpoint, aBatch(endpoint, found), AT);
      return endpoint.hints.dueAt;
    };
    const later = AT.now + 2 * MINUTE;
    expect(next({})).toBeNull();
    expect(next({ hasMoreFailed: true, upcoming: dueAt(1, later) })).toBe(AT.now);
    expect(next({ hasMoreUpcoming: true, upcoming: dueAt(1, later) }, [1])).toBe(AT.now);
    expect(next({ upcoming: dueAt(1, later) }, [1])).toBeNull();
    expect(next({ hasMoreUpcoming: true, upcoming: dueAt(1, later) })).toBe(later);
  });

  it("reads again for the first of what comes later that may go: after a pause since its last attempt, and within an interval", () => {
    const next = (...upcoming: ReturnType<typeof dueAt>) => {
      const endpoint = anEndpoint();
      acceptRead(endpoint, aBatch(endpoint, { upcoming }), AT);
      return endpoint.hints.dueAt;
    };
    const later = AT.now + 2 * MINUTE;
    expect(next(...dueAt(1, later + 1), ...dueAt(2, later))).toBe(later);
    expect(next(...dueAt(1, AT.now + 1, { sentAt: AT.now - MINUTE }))).toBe(AT.now + 3 * MINUTE);
    expect(next(...dueAt(1, AT.now + HOUR))).toBe(AT.now + 5 * MINUTE);
    // It is due, so the next read sends it, or it is in flight.
    expect(next(...dueAt(1, AT.now), ...dueAt(2, later))).toBe(later);
    expect(next(...dueAt(1, 0, { due: null }))).toBeNull();
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

  it("stores what it holds, with the outage that counts it", () => {
    const log = new OutcomeLog(POLICY);
    const endpoint = aDownEndpoint();
    acceptAndLog(endpoint, aBatch(endpoint, { pending: someCalls([1]) }), AT, log);
    const holding = { callbackId: "00112233445566AA", callId: "call 1", callSeq: 1, at: AT.now, outageId: AN_OUTAGE.id };
    expect(log.nextGroup()?.holdings).toEqual([holding]);
    expect(endpoint.inFlight.remove(1)).toEqual({ dueAt: AT.now, generation: 0 });
  });

  it("probes with a held response if it is older than the new ones, and there is an outage", () => {
    const probe = (held: number | null, pending: readonly number[], change: (endpoint: EndpointState) => void = () => {}) => {
      const endpoint = aDownEndpoint({ probeAt: AT.now });
      change(endpoint);
      const [first = null] = held === null ? [] : someCalls([held], MINUTE);
      const acceptedCalls = acceptRead(endpoint, aBatch(endpoint, { held: first, pending: someCalls(pending) }), AT);
      const { hints, isProbing } = endpoint;
      return [seqsIn(endpoint, "probe"), acceptedCalls.length, isProbing, hints.mayHaveHeld, hints.mayHavePending];
    };
    expect(probe(1, [2])).toEqual([[1], 0, true, true, true]);
    expect(probe(1, [])).toEqual([[1], 0, true, true, false]);
    expect(probe(3, [2])).toEqual([[2], 0, true, true, false]);
    expect(probe(2, [2])).toEqual([[2], 0, true, true, false]);
    expect(probe(null, [2, 3])).toEqual([[2], 0, true, false, true]);
    expect(probe(null, [])).toEqual([[], 0, false, false, false]);
    // A held one's failure would open no outage.
    const withoutOutage = (endpoint: EndpointState) => {
      endpoint.health = { ...endpoint.health, outage: null };
    };
    expect(probe(1, [2], withoutOutage)).toEqual([[2], 0, true, true, false]);
    expect(probe(1, [], withoutOutage)).toEqual([[1], 0, true, true, false]);
    const busy = (endpoint: EndpointState) => endpoint.inFlight.add(1, { dueAt: null, generation: 0 });
    expect(probe(1, [2], busy)).toEqual([[2], 0, true, false, false]);
  });

  it("takes no probe that was read for none, or that may not go any more", () => {
    const endpoint = aDownEndpoint({ probeAt: AT.now });
    const batch = aBatch(endpoint, { pending: someCalls([1]) });
    acceptRead(endpoint, { ...batch, request: { ...batch.request, mayProbe: false } }, AT);
    expect([endpoint.isProbing, endpoint.hints.mayHavePending]).toEqual([false, true]);
    endpoint.requestsInFlight = 10;
    acceptRead(endpoint, batch, AT);
    expect(endpoint.isProbing).toBe(false);
    endpoint.requestsInFlight = 0;
    endpoint.hints.mayHaveHeld = true;
    acceptRead(endpoint, { ...batch, request: { ...batch.request, wantsHeld: false } }, AT);
    expect([endpoint.isProbing, endpoint.hints.mayHaveHeld]).toEqual([true, true]);
  });

  it("queues new responses with retries off", () => {
    const endpoint = aDownEndpoint();
    endpoint.callback = { ...endpoint.callback, retriesEnabled: false };
    expect(acceptRead(endpoint, aBatch(endpoint, { pending: someCalls([1]) }), AT)).toEqual([]);
    expect(seqsIn(endpoint, "fresh")).toEqual([1]);
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

  it("has room in a round beside what is in flight, and looks for more afterwards if there may be", () => {
    const round = (found: Parameters<typeof aBatch>[1], change: (endpoint: EndpointState) => void = () => {}) => {
      const endpoint = aDownEndpoint({ roundAt: AT.now });
      change(endpoint);
      acceptRead(endpoint, aBatch(endpoint, found), AT);
      return [seqsIn(endpoint, "backlog").length, endpoint.roundLeft, endpoint.hints.dueAt];
    };
    const failed = someCalls([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], MINUTE);
    expect(round({ failed })).toEqual([10, 10, null]);
    expect(round({ failed, hasMoreFailed: true })).toEqual([10, 10, 0]);
    expect(round({ failed: [], upcoming: failed })).toEqual([0, 0, 0]);
    expect(round({ hasMoreUpcoming: true })).toEqual([0, 0, 0]);
    const inFlight = (count: number) => (endpoint: EndpointState) => {
      endpoint.requestsInFlight = count;
    };
    expect([round({ failed }, inFlight(4)), round({ failed }, inFlight(12))]).toEqual([
      [6, 6, null],
      [0, 0, null],
    ]);
    const probing = (endpoint: EndpointState) => endpoint.queues.probe.fill(someCalls([99]), 0);
    expect(round({ failed }, probing)).toEqual([9, 9, null]);
    const busy = (endpoint: EndpointState) => endpoint.inFlight.add(1, { dueAt: null, generation: 0 });
    expect(round({ failed: failed.slice(0, 1), upcoming: failed.slice(0, 1) }, busy)).toEqual([0, 0, null]);
  });

  it("goes on with as many calls of a round as weren't sent and have room, those attempted before it began", () => {
    const rest = (unsent: number, requestsInFlight: number) => {
      const endpoint = aDownEndpoint({ roundBeganAt: AT.now - 1_000 });
      endpoint.roundLeft = unsent;
      endpoint.requestsInFlight = requestsInFlight;
      const [held, before, since, other] = someCalls([1, 2, 3, 4], MINUTE);
      const failed = [
        { ...held, sentAt: null },
        { ...before, sentAt: AT.now - 1_001 },
        { ...since, sentAt: AT.now - 1_000 },
        { ...other, sentAt: MINUTE },
      ] as ReturnType<typeof someCalls>;
      acceptRead(endpoint, aBatch(endpoint, { failed }, { kind: "round" }), AT);
      return [endpoint.roundLeft, seqsIn(endpoint, "backlog")];
    };
    expect([rest(9, 0), rest(2, 0), rest(9, 9)]).toEqual([
      [3, [1, 2, 4]],
      [2, [1, 2]],
      [1, [1]],
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

  it("isn't up while there is more to read, and reads its scheduled retries once it is", () => {
    const stateAfter = (found: Parameters<typeof aBatch>[1]) => {
      const endpoint = anEndpoint({ endpoint: { state: "recovering", recovery: 1, recoveringSince: 9 * MINUTE } });
      acceptRead(endpoint, aBatch(endpoint, found), AT);
      return [endpoint.health.endpoint.state, endpoint.hints.dueAt];
    };
    expect(stateAfter({})).toEqual(["up", null]);
    expect(stateAfter({ hasMoreFailed: true })).toEqual(["recovering", 0]);
    expect(stateAfter({ failed: someCalls([1], MINUTE) })).toEqual(["recovering", null]);
    expect(stateAfter({ upcoming: dueAt(1, AT.now + MINUTE) })).toEqual(["up", 0]);
    expect(stateAfter({ hasMoreUpcoming: true })).toEqual(["up", 0]);
  });

  it("closes with its drain an outage that has been quiet for long enough", () => {
    const outage = { ...AN_OUTAGE, quietSince: AT.now - 5 * MINUTE };
    const endpoint = anEndpoint({ endpoint: { ...NEW_ENDPOINT, state: "recovering", recovery: 1, recoveringSince: 1 }, outage });
    acceptRead(endpoint, aBatch(endpoint, {}), AT);
    expect(endpoint.closedOutages).toEqual([{ ...outage, endedAt: AT.now }]);
  });
});
