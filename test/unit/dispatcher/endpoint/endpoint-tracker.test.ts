import { describe, expect, it } from "vitest";
import { EndpointTracker } from "../../../../src/dispatcher/endpoint/endpoint-tracker.js";
import { OutcomeLog } from "../../../../src/dispatcher/outcome-log.js";
import { type Endpoint, NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { aCall, anAttempt, someSettings } from "../../../support/builders.js";
import { HOUR, MINUTE } from "../../../support/dispatcher/simulation.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

const POLICY = { intervalMs: 5 * MINUTE, windowMs: HOUR, jitter: false };
const OUTAGE = { id: "OLD", startedAt: 0, failedCalls: 1, quietSince: MINUTE };

/** An endpoint whose outage would have closed at 6 minutes, had anybody looked; `now` is 10 minutes. */
function aTracker(endpoint: Partial<Endpoint> = {}, outage: typeof OUTAGE | null = OUTAGE) {
  const log = new OutcomeLog(POLICY);
  const callback = {
    ...someSettings(),
    id: "A",
    createdAt: 0,
    updatedAt: 0,
    repairedAt: 0,
    replayRequestedAt: 0,
    replayProbeAt: 0,
  };
  const record = { callback, fence: 0, endpoint: { ...NEW_ENDPOINT, ...endpoint }, outage, pendingCalls: 0, nextDueAt: null };
  const random = { fraction: () => 0.5, bytes: (count: number) => new Uint8Array(count) };
  const clock = new VirtualClock(10 * MINUTE);
  return { log, tracker: new EndpointTracker(record, { log, policy: POLICY, random, clock, maxInFlight: 64 }) };
}

const closed = [{ ...OUTAGE, callbackId: "A", endedAt: 6 * MINUTE }];

describe("an outage that ended unnoticed", () => {
  it("is ended by a first failure as of when it was over, and another one opens", () => {
    const { log, tracker } = aTracker();
    tracker.failed(aCall(), { attempt: anAttempt({ startedAt: 9 * MINUTE }), sentTo: tracker.callback });
    const group = log.next();
    expect([group?.closedOutages, group?.mails.length]).toEqual([closed, 1]);
    expect(group?.endpoints[0]?.outage).toMatchObject({ startedAt: 9 * MINUTE, failedCalls: 1 });
  });

  it("isn't open from then on, so nothing is held in it", () => {
    const { tracker } = aTracker();
    expect([6 * MINUTE - 1, 6 * MINUTE].map((at) => tracker.hasOutageAt(at))).toEqual([true, false]);
  });

  it("is ended by a success with the state that it was over in: one that ends the time down doesn't prolong it", () => {
    const { log, tracker } = aTracker({ state: "down" }, { ...OUTAGE, startedAt: -HOUR });
    tracker.succeeded(9 * MINUTE);
    const group = log.next();
    expect([group?.closedOutages.map(({ endedAt }) => endedAt), group?.endpoints[0]?.outage]).toEqual([[0], null]);
  });
});

describe("an endpoint that is taken over while it recovers", () => {
  it("starts with one request again, and its drain excuses what a running one would, of one interval", () => {
    const { tracker } = aTracker({ state: "recovering", recovery: 3, recoveringSince: 2 * MINUTE, limit: 40 }, null);
    expect(tracker.endpoint).toMatchObject({ state: "recovering", recovery: 3, recoveringSince: 5 * MINUTE, limit: 1 });
    const recent = aTracker({ state: "recovering", recovery: 3, recoveringSince: 8 * MINUTE }, null);
    expect(recent.tracker.endpoint.recoveringSince).toBe(8 * MINUTE);
  });
});
