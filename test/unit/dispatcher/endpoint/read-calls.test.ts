import { describe, expect, it } from "vitest";
import type { EndpointState } from "../../../../src/dispatcher/endpoint/endpoint-state.js";
import {
  awaitsProbe,
  beginRead,
  isDrained,
  needsRead,
  nextReadAt,
  probeDueAt,
  unsentOfRound,
} from "../../../../src/dispatcher/endpoint/read-calls.js";
import { AT, aDownEndpoint, anEndpoint, RULES, someCalls } from "../../../support/dispatcher/an-endpoint.js";
import { HOUR, MINUTE } from "../../../support/dispatcher/simulation.js";

const { now } = AT;
const SHARE = { calls: 100, bytes: 1_000_000 };
const RECOVERY = { state: "recovering", recovery: 2, recoveringSince: 9 * MINUTE } as const;
const seqsTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const read = (endpoint: EndpointState, share = SHARE) => beginRead(endpoint, now, share, RULES);

function aPausedEndpoint(over: Partial<EndpointState["callback"]> = {}): EndpointState {
  const endpoint = anEndpoint();
  endpoint.isPaused = true;
  endpoint.callback = { ...endpoint.callback, pause: { at: 0, until: now + HOUR, by: null }, ...over };
  return endpoint;
}

describe("an endpoint that is up", () => {
  it("reads new responses once there may be some, and failed calls once they are due", () => {
    const endpoint = anEndpoint();
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([false, null]);
    endpoint.hints.mayHavePending = true;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([true, null]);
    expect(read(endpoint)).toEqual({
      callbackId: "A",
      fence: 0,
      generation: 0,
      busy: 0,
      batch: 100,
      maxBytes: 5_000,
      attemptedBefore: now - 4 * MINUTE,
      expireBefore: null,
      wantsPending: true,
      pendingFrom: 0,
      mayProbe: false,
      wantsHeld: false,
      failed: null,
    });
    expect([endpoint.hints.mayHavePending, endpoint.lastBatch, endpoint.expiryAt]).toEqual([false, 100, now + 5 * MINUTE]);
    endpoint.hints.dueAt = now + 1;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now), read(endpoint).failed]).toEqual([false, now + 1, null]);
    endpoint.hints.dueAt = now;
    expect(needsRead(endpoint, now, RULES)).toBe(true);
    expect(read(endpoint)).toMatchObject({ failed: { kind: "due", at: now }, expireBefore: now - HOUR, wantsPending: false });
  });

  it("reads more once half of a batch, or 64 calls, is left", () => {
    const endpoint = anEndpoint();
    endpoint.hints.mayHavePending = true;
    endpoint.hints.dueAt = now;
    const left = (lastBatch: number, fresh: number, backlog: number) => {
      endpoint.lastBatch = lastBatch;
      endpoint.queues.fresh.fill(someCalls(seqsTo(fresh)), 0);
      endpoint.queues.backlog.fill(someCalls(seqsTo(backlog)), 0);
      return [needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)];
    };
    expect(left(9, 5, 5)).toEqual([false, null]);
    expect(left(9, 4, 5)).toEqual([true, null]);
    expect(left(9, 5, 4)).toEqual([true, now]);
    expect(left(512, 64, 64)).toEqual([false, null]);
    expect(left(512, 63, 64)).toEqual([true, null]);
    expect(left(512, 64, 63)).toEqual([true, now]);
  });

  it("reads so many more calls as are busy, and leaves large ones out by its share of the memory", () => {
    const endpoint = anEndpoint();
    endpoint.inFlight.add(1, { dueAt: null, generation: 0 });
    endpoint.queues.probe.fill(someCalls([2, 3]), 0);
    expect(read(endpoint, { calls: 100, bytes: 20_480 })).toMatchObject({ busy: 3, batch: 10, maxBytes: 1_024 });
    expect(read(endpoint, { calls: 4, bytes: 20_480 })).toMatchObject({ batch: 4, maxBytes: 2_560 });
    expect(read(endpoint, { calls: 4, bytes: 0 })).toMatchObject({ batch: 2, maxBytes: 0 });
    endpoint.hints.dueAt = now;
    expect(read(endpoint, { calls: 4, bytes: 20_480 }).maxBytes).toBe(2_560);
    // New and failed calls share the batch.
    endpoint.hints.mayHavePending = true;
    expect(read(endpoint, { calls: 4, bytes: 20_480 }).maxBytes).toBe(1_280);
  });

  it("reads again when a call's wait after our own fault ends", () => {
    const endpoint = anEndpoint();
    endpoint.inFlight.waitAfterFault(1, now);
    expect(nextReadAt(endpoint, now)).toBe(now + 1_000);
    endpoint.hints.dueAt = now + 500;
    expect(nextReadAt(endpoint, now)).toBe(now + 500);
  });

  it("reads one call for the next trial, and nothing before, while its calls lack something", () => {
    const endpoint = anEndpoint();
    endpoint.shortage = { retryAt: now + 400, waitMs: 400 };
    expect(nextReadAt(endpoint, now)).toBeNull();
    endpoint.hints.mayHavePending = true;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([false, now + 400]);
    endpoint.hints.mayHavePending = false;
    endpoint.hints.dueAt = now;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([false, now + 400]);
    expect([needsRead(endpoint, now + 400, RULES), nextReadAt(endpoint, now + 400)]).toEqual([true, now]);
    expect(read(endpoint).batch).toBe(1);
  });
});

describe("an endpoint that is paused", () => {
  it("reads nothing, but ends retries whose windows are over, once an interval", () => {
    const endpoint = aPausedEndpoint();
    endpoint.hints.mayHavePending = true;
    endpoint.hints.dueAt = now;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([true, 0]);
    expect(read(endpoint)).toMatchObject({ wantsPending: false, failed: null, wantsHeld: false, expireBefore: now - HOUR });
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([false, now + 5 * MINUTE]);
    expect(needsRead(endpoint, now + 5 * MINUTE, RULES)).toBe(true);
    expect(endpoint.hints.mayHavePending).toBe(true);
  });

  it("looks at its end at the latest, and only then with retries off", () => {
    const noRetries = aPausedEndpoint({ retriesEnabled: false });
    expect([needsRead(noRetries, now, RULES), nextReadAt(noRetries, now)]).toEqual([false, now + HOUR]);
    const soon = aPausedEndpoint({ pause: { at: 0, until: now + 1, by: null } });
    soon.expiryAt = now + MINUTE;
    expect(nextReadAt(soon, now)).toBe(now + 1);
    expect(nextReadAt(aPausedEndpoint({ retriesEnabled: false, pause: null }), now)).toBeNull();
  });

  it("sends no probe", () => {
    const endpoint = aDownEndpoint({ probeAt: now });
    endpoint.isPaused = true;
    expect([probeDueAt(endpoint), read(endpoint).mayProbe]).toEqual([null, false]);
  });
});

describe("an endpoint that is down", () => {
  it("reads a round when it is due, unless one runs", () => {
    const endpoint = aDownEndpoint({ roundAt: now });
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([false, null]);
    endpoint.hints.dueAt = now + HOUR;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([true, now]);
    expect(read(endpoint)).toMatchObject({ failed: { kind: "round" }, expireBefore: now - HOUR });
    endpoint.roundInFlight = 1;
    expect([needsRead(endpoint, now, RULES), read(endpoint).failed]).toEqual([false, null]);
    endpoint.roundInFlight = 0;
    endpoint.queues.backlog.fill(someCalls([1]), 0);
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([false, null]);
  });

  it("reads the rest of a round at once whose calls were dropped", () => {
    const endpoint = aDownEndpoint();
    endpoint.hints.dueAt = now + HOUR;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([false, now + MINUTE]);
    endpoint.roundLeft = 2;
    endpoint.roundInFlight = 1;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now), unsentOfRound(endpoint)]).toEqual([true, 0, 2]);
    endpoint.queues.backlog.fill(someCalls([1]), 0);
    expect(unsentOfRound(endpoint)).toBe(0);
  });

  it("reads a response for a probe that is due: a held one, or a new one", () => {
    const endpoint = aDownEndpoint({ probeAt: now });
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([false, null]);
    expect(read(endpoint)).toMatchObject({ mayProbe: true, wantsHeld: false, expireBefore: null });
    endpoint.hints.mayHaveHeld = true;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([true, now]);
    expect(read(endpoint)).toMatchObject({ mayProbe: true, wantsHeld: true, wantsPending: false, expireBefore: now - HOUR });
    endpoint.hints.mayHaveHeld = false;
    endpoint.hints.mayHavePending = true;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now), read(endpoint).wantsPending]).toEqual([true, now, true]);
    const waiting = aDownEndpoint();
    waiting.hints.mayHaveHeld = true;
    expect([needsRead(waiting, now, RULES), nextReadAt(waiting, now), read(waiting).mayProbe]).toEqual([
      false,
      now + 1_000,
      false,
    ]);
  });

  it("has one probe at a time, and none beside ten requests or with retries off", () => {
    const endpoint = aDownEndpoint({ probeAt: now });
    expect(probeDueAt(endpoint)).toBe(now);
    endpoint.requestsInFlight = 9;
    expect(probeDueAt(endpoint)).toBe(now);
    endpoint.requestsInFlight = 10;
    expect(probeDueAt(endpoint)).toBeNull();
    const probing = aDownEndpoint({ probeAt: now });
    probing.isProbing = true;
    expect(probeDueAt(probing)).toBeNull();
    const noRetries = aDownEndpoint({ probeAt: now });
    noRetries.callback = { ...noRetries.callback, retriesEnabled: false };
    expect([probeDueAt(noRetries), probeDueAt(anEndpoint())]).toEqual([null, null]);
  });

  it("is probed after a client's replay", () => {
    const endpoint = aDownEndpoint({ probeBeganAt: now - MINUTE, probeAt: now + MINUTE });
    endpoint.callback = { ...endpoint.callback, replayProbeAt: now };
    expect(probeDueAt(endpoint)).toBe(now);
  });

  it("leaves new responses waiting while a probe is in flight or due, or no outage is open; else it reads them to hold them", () => {
    const wants = (endpoint: EndpointState) => {
      endpoint.hints.mayHavePending = true;
      return [awaitsProbe(endpoint, now, RULES), needsRead(endpoint, now, RULES), read(endpoint).wantsPending];
    };
    expect(wants(aDownEndpoint())).toEqual([false, true, true]);
    const probing = aDownEndpoint();
    probing.isProbing = true;
    expect(wants(probing)).toEqual([true, false, false]);
    const due = aDownEndpoint({ probeAt: now });
    due.requestsInFlight = 10;
    expect(wants(due)).toEqual([true, false, false]);
    expect(wants(aDownEndpoint({ probeAt: now }))).toEqual([true, true, true]);
    const noOutage = aDownEndpoint();
    noOutage.health = { ...noOutage.health, outage: null };
    expect(wants(noOutage)).toEqual([true, false, false]);
    const noRetries = aDownEndpoint();
    noRetries.isProbing = true;
    noRetries.callback = { ...noRetries.callback, retriesEnabled: false };
    expect(wants(noRetries)).toEqual([true, true, true]);
  });
});

describe("an endpoint that recovers", () => {
  it("reads its backlog until it is drained, whatever is due", () => {
    const endpoint = anEndpoint({ endpoint: RECOVERY });
    endpoint.hints.dueAt = now + HOUR;
    expect([needsRead(endpoint, now, RULES), nextReadAt(endpoint, now)]).toEqual([true, null]);
    expect(read(endpoint)).toMatchObject({ failed: { kind: "backlog", recovery: 2 }, expireBefore: 9 * MINUTE - HOUR });
    endpoint.queues.backlog.fill(someCalls([1]), 0);
    expect(needsRead(endpoint, now, RULES)).toBe(true);
    endpoint.queues.backlog.fill(someCalls(seqsTo(64)), 0);
    expect(needsRead(endpoint, now, RULES)).toBe(false);
    endpoint.queues.backlog.clear();
    endpoint.hints.dueAt = null;
    expect(needsRead(endpoint, now, RULES)).toBe(true);
    endpoint.queues.fresh.fill(someCalls([1]), 0);
    expect(needsRead(endpoint, now, RULES)).toBe(false);
  });

  it("is drained once nothing waits; at full pace new responses don't count", () => {
    const drained = (limit: number, fresh: number, backlog: number) => {
      const endpoint = anEndpoint({ endpoint: RECOVERY });
      endpoint.health = { ...endpoint.health, endpoint: { ...endpoint.health.endpoint, limit } };
      endpoint.queues.fresh.fill(someCalls(seqsTo(fresh)), 0);
      endpoint.queues.backlog.fill(someCalls(seqsTo(backlog)), 0);
      return isDrained(endpoint, RULES);
    };
    expect([drained(1, 0, 0), drained(63, 1, 0), drained(64, 1, 0), drained(64, 0, 1)]).toEqual([true, false, true, false]);
  });
});
