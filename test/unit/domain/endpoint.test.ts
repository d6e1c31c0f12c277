import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { AttemptCause } from "../../../src/domain/attempt.js";
import { endpointHealth, HEALTHS } from "../../../src/domain/callback.js";
import {
  type Endpoint,
  endpointAfterDrain,
  endpointAfterFailure,
  endpointAfterPause,
  endpointAfterRepair,
  endpointAfterReplayRequest,
  endpointAfterSuccess,
  endpointAtRound,
  endpointByClock,
  endpointTakenOver,
  inFlightLimit,
  NEW_ENDPOINT,
  nextProbeAt,
} from "../../../src/domain/endpoint.js";
import type { RetryPolicy } from "../../../src/domain/retry-policy.js";

const POLICY: RetryPolicy = { intervalMs: 60_000, windowMs: 3_600_000, jitter: false };

/** Different calls fail, one after the other. */
function fail(endpoint: Endpoint, times: number, at = 0, cause: AttemptCause = "first"): Endpoint {
  let after = endpoint;
  for (let callSeq = 1; callSeq <= times; callSeq += 1) {
    after = endpointAfterFailure(after, { beganAt: at, at, cause, callSeq }, POLICY, 0.5);
  }
  return after;
}

const DOWN = fail(NEW_ENDPOINT, 10, 1_000);
const RECOVERING = endpointAfterSuccess(DOWN, 5_000, 64);

describe("an endpoint", () => {
  it("is down after ten different calls failed in a row; a call that fails again doesn't count again", () => {
    let endpoint = fail(NEW_ENDPOINT, 9);
    for (let time = 0; time < 20; time += 1) {
      endpoint = endpointAfterFailure(endpoint, { beganAt: time, at: time, cause: "retry", callSeq: 9 }, POLICY, 0.5);
    }
    expect(endpoint).toMatchObject({ state: "up", failedCalls: [1, 2, 3, 4, 5, 6, 7, 8, 9] });
    expect(endpointAfterFailure(endpoint, { beganAt: 20, at: 20, cause: "first", callSeq: 10 }, POLICY, 0.5)).toMatchObject({
      state: "down",
      failedCalls: [],
    });
  });

  it("is up after nine failures in a row and down after ten; a success in between starts the count again", () => {
    expect(fail(NEW_ENDPOINT, 9).state).toBe("up");
    expect(DOWN).toMatchObject({ state: "down", downSince: 1_000, roundAt: 61_000 });
    expect(fail(endpointAfterSuccess(fail(NEW_ENDPOINT, 9), 0, 64), 9).state).toBe("up");
  });

  it("waits 1 s after a failed probe, then 2 s, 4 s … up to one interval; other failures don't count", () => {
    let endpoint = DOWN;
    const waits: number[] = [];
    for (let step = 0; step < 9; step += 1) {
      endpoint = fail(endpoint, 1, 10_000, "probe");
      waits.push((endpoint.probeAt ?? 0) - 10_000);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(fail(DOWN, 1, 10_000, "retry")).toMatchObject({ probeAt: DOWN.probeAt, probeStepMs: DOWN.probeStepMs });
  });

  it("has its next round one interval after the last one began", () => {
    expect(endpointAtRound(DOWN, 61_000, POLICY, 0.5)).toMatchObject({ roundBeganAt: 61_000, roundAt: 121_000 });
  });

  it("has a round and a probe at once if it may have been repaired while down, and a round if a replay was requested", () => {
    const waiting = fail(DOWN, 5, 1_500, "probe");
    expect(endpointAfterRepair(waiting, 2_000)).toEqual({ ...waiting, roundAt: 2_000, probeAt: 2_000 });
    expect(endpointAfterRepair(waiting, 62_000)).toEqual(waiting);
    expect(endpointAfterReplayRequest(waiting, 2_000)).toEqual({ ...waiting, roundAt: 2_000 });
    for (const after of [endpointAfterRepair, endpointAfterReplayRequest])
      expect(after(NEW_ENDPOINT, 2_000)).toEqual(NEW_ENDPOINT);
  });

  it("is probed after a replay, a second after the last probe began at the earliest, and once for each replay", () => {
    const failure = { beganAt: 20_000, at: 80_000, cause: "probe", callSeq: 1 } as const;
    const waiting = endpointAfterFailure(fail(DOWN, 5, 1_500, "probe"), failure, POLICY, 0.5);
    expect(waiting).toMatchObject({ probeBeganAt: 20_000, probeAt: 112_000 });
    const askedAt = [0, 20_000, 20_001, 21_000, 90_000, 113_000];
    expect(askedAt.map((at) => nextProbeAt(waiting, at))).toEqual([112_000, 112_000, 21_000, 21_000, 90_000, 112_000]);
    for (const endpoint of [NEW_ENDPOINT, RECOVERING]) expect(nextProbeAt(endpoint, 90_000)).toBeNull();
  });

  it("by a clock set back: no round is more than one interval away, no probe more than its step", () => {
    const failed = fail(DOWN, 3, 10_000, "probe");
    expect(endpointByClock(failed, 10_000, POLICY)).toBe(failed);
    expect(endpointByClock(failed, -500_000, POLICY)).toEqual({
      ...failed,
      downSince: -500_000,
      roundAt: -440_000,
      roundBeganAt: -500_000,
      probeAt: -492_000,
      probeBeganAt: -500_000,
    });
    expect(endpointByClock(RECOVERING, 5_000, POLICY)).toBe(RECOVERING);
    expect(endpointByClock(RECOVERING, 4_999, POLICY)).toEqual({ ...RECOVERING, recoveringSince: 4_999 });
    const slow = { ...failed, probeStepMs: 60_000 };
    expect(endpointByClock(slow, -500_000, { ...POLICY, intervalMs: 5_000 }).probeAt).toBe(-495_000);
  });

  it("recovers from the first success on: room for one, one more a success, half of it after a failure", () => {
    expect(RECOVERING).toMatchObject({ state: "recovering", limit: 1, recovery: 1, recoveringSince: 5_000, failedCalls: [] });
    const grown = [1, 2, 3].reduce((state) => endpointAfterSuccess(state, 0, 64), RECOVERING);
    expect(grown.limit).toBe(4);
    expect(fail(grown, 1).limit).toBe(2);
    expect(fail(grown, 3).limit).toBe(1);
    expect(endpointAfterSuccess({ ...grown, limit: 64 }, 0, 64).limit).toBe(64);
  });

  it("falls down again after ten failures in a row; the next recovery has the next number", () => {
    const again = fail(RECOVERING, 10, 9_000);
    expect(again).toMatchObject({ state: "down", downSince: 9_000, recovery: 1, recoveringSince: null });
    expect(endpointAfterSuccess(again, 10_000, 64).recovery).toBe(2);
  });

  it("is up when everything due was tried, and still counts the calls that failed", () => {
    expect(endpointAfterDrain(fail(RECOVERING, 3))).toMatchObject({ state: "up", failedCalls: [1, 2, 3], recovery: 1 });
  });
});

describe("an endpoint that goes down", () => {
  it("has its first probe at once, and its first round one interval later", () => {
    const failing = { ...fail(RECOVERING, 9), limit: 7 };
    const failure = { beganAt: 8_000, at: 9_000, cause: "first", callSeq: 10 } as const;
    expect(endpointAfterFailure(failing, failure, POLICY, 0.5)).toEqual({
      state: "down",
      failedCalls: [],
      downSince: 9_000,
      roundAt: 69_000,
      roundBeganAt: 9_000,
      probeAt: 9_000,
      probeStepMs: 1_000,
      probeBeganAt: 9_000,
      limit: 1,
      recovery: 1,
      recoveringSince: null,
    });
    const often = { ...POLICY, intervalMs: 500 };
    expect(endpointAfterFailure(failing, failure, often, 0.5).probeStepMs).toBe(500);
  });
});

describe("a success", () => {
  it("changes nothing of an endpoint that is up, unless calls failed before", () => {
    expect(endpointAfterSuccess(NEW_ENDPOINT, 5, 64)).toBe(NEW_ENDPOINT);
    expect(endpointAfterSuccess(fail(NEW_ENDPOINT, 3), 5, 64)).toEqual(NEW_ENDPOINT);
    expect(endpointAfterSuccess(fail(RECOVERING, 3), 5, 64).failedCalls).toEqual([]);
  });
});

describe("a pause", () => {
  it("ends as a recovery begins, unless the endpoint is down", () => {
    const failing = fail({ ...NEW_ENDPOINT, recovery: 4 }, 3);
    const paused = { ...NEW_ENDPOINT, state: "recovering", failedCalls: [1, 2, 3], recovery: 5, recoveringSince: 70 };
    expect(endpointAfterPause(failing, 70)).toEqual(paused);
    const recovering = { ...RECOVERING, limit: 9, recovery: 5, failedCalls: [1, 2, 3] };
    expect(endpointAfterPause(recovering, 70)).toEqual(paused);
    expect(endpointAfterPause(DOWN, 70)).toBe(DOWN);
  });
});

describe("an endpoint that another process takes over", () => {
  it("keeps its state, but drains what it has had for one interval, with one request", () => {
    const recovering = { ...RECOVERING, limit: 9 };
    expect(endpointTakenOver(recovering, 65_000, POLICY)).toEqual({ ...recovering, limit: 1 });
    expect(endpointTakenOver(recovering, 65_001, POLICY)).toEqual({ ...recovering, limit: 1, recoveringSince: 5_001 });
    for (const endpoint of [NEW_ENDPOINT, DOWN]) expect(endpointTakenOver(endpoint, 65_001, POLICY)).toBe(endpoint);
  });
});

describe("the requests in flight", () => {
  it("are limited by the dispatcher while it is up, to ten while down, and by its own limit in a recovery", () => {
    expect([inFlightLimit(NEW_ENDPOINT, 64), inFlightLimit(DOWN, 64), inFlightLimit(DOWN, 3)]).toEqual([64, 10, 3]);
    expect(inFlightLimit({ ...RECOVERING, limit: 7 }, 64)).toBe(7);
  });
});

describe("what people are told of an endpoint", () => {
  const EVENTS = { reply: true, undeliverable: false };
  const UP = { endpoint: NEW_ENDPOINT, outage: null, oldestWaiting: null, pause: null, events: EVENTS };
  const OUTAGE = { startedAt: 1, quietSince: null };
  const down = { ...NEW_ENDPOINT, state: "down", downSince: 3 } as const;

  it("is never that it is up while an outage is open", () => {
    expect(endpointHealth(UP)).toEqual({ health: "up", since: null });
    expect(endpointHealth({ ...UP, outage: OUTAGE })).toEqual({ health: "failing", since: 1 });
    expect(endpointHealth({ ...UP, outage: { ...OUTAGE, quietSince: 2 } })).toEqual({ health: "recovering", since: 2 });
  });

  it("is since when it is down, checked or recovering", () => {
    expect(endpointHealth({ ...UP, endpoint: down, outage: OUTAGE })).toEqual({ health: "down", since: 3 });
    expect(endpointHealth({ ...UP, endpoint: down })).toEqual({ health: "checking", since: 3 });
    // It was down before the outage: one before that was closed.
    expect(endpointHealth({ ...UP, endpoint: down, outage: { ...OUTAGE, startedAt: 5 } })).toEqual({ health: "down", since: 5 });
    expect(endpointHealth({ ...UP, unrecoveredOutage: OUTAGE })).toEqual({ health: "checking", since: 1 });
    const recovering = { ...NEW_ENDPOINT, state: "recovering", recoveringSince: 4 } as const;
    expect(endpointHealth({ ...UP, endpoint: recovering, outage: { ...OUTAGE, quietSince: 4 } })).toEqual({
      health: "recovering",
      since: 4,
    });
  });

  it("is failing while it is tried after a pause, until it has accepted a response", () => {
    const tried = { ...NEW_ENDPOINT, state: "recovering", recoveringSince: 4 } as const;
    expect(endpointHealth({ ...UP, endpoint: tried, outage: OUTAGE })).toEqual({ health: "failing", since: 1 });
  });

  it("is that no event is sent, but not while something else is wrong", () => {
    const events = { reply: false, undeliverable: false };
    expect(endpointHealth({ ...UP, events }).health).toBe("idle");
    expect(endpointHealth({ ...UP, events: { reply: false, undeliverable: true } }).health).toBe("up");
    expect(endpointHealth({ ...UP, events, outage: OUTAGE }).health).toBe("failing");
  });

  it("is that it isn't answering, unless it is down or failing", () => {
    const hanging = { ...UP, oldestWaiting: { acceptedAt: 5, isUnanswered: true } };
    const notAnswering = { health: "not-answering", since: 5 };
    expect(endpointHealth(hanging)).toEqual(notAnswering);
    expect(endpointHealth({ ...hanging, endpoint: down })).toEqual(notAnswering);
    expect(endpointHealth({ ...hanging, outage: { ...OUTAGE, quietSince: 2 } })).toEqual(notAnswering);
    expect(endpointHealth({ ...hanging, outage: OUTAGE }).health).toBe("failing");
    expect(endpointHealth({ ...hanging, endpoint: down, outage: OUTAGE }).health).toBe("down");
    expect(endpointHealth({ ...hanging, oldestWaiting: { acceptedAt: 5, isUnanswered: false } }).health).toBe("up");
  });

  it("is only that it is paused, whatever was known before", () => {
    const pause = { at: 6, until: null, by: "ada" };
    const paused = { health: "paused", since: 6 };
    expect(endpointHealth({ ...UP, pause })).toEqual(paused);
    expect(endpointHealth({ ...UP, endpoint: down, outage: OUTAGE, pause })).toEqual(paused);
    expect(endpointHealth({ ...UP, oldestWaiting: { acceptedAt: 5, isUnanswered: true }, pause })).toEqual(paused);
  });

  it("is one of the states of docs/contract.md, in their order", () => {
    const contract = readFileSync(new URL("../../../docs/contract.md", import.meta.url), "utf8");
    const [, table = ""] = /### States of an endpoint(.*?)\n## /s.exec(contract) ?? [];
    const rows = [...table.matchAll(/^\| `(.*?)` \| (.*?) \|/gm)].map(([, state, text]) => [state, text]);
    expect(rows.slice(1)).toEqual(Object.entries(HEALTHS).map(([state, { text }]) => [state, text]));
  });
});
