import { beforeEach, describe, expect, it } from "vitest";
import { OwnShortage } from "../../../../src/delivery/delivery-failure.js";
import { DeliveryBudget } from "../../../../src/dispatcher/delivery-budget.js";
import type { EndpointState } from "../../../../src/dispatcher/endpoint/endpoint-state.js";
import {
  commitCall,
  endCall,
  type SettleDeps,
  settleCall,
  settleTaken,
  skipHoldings,
  withdrawCall,
} from "../../../../src/dispatcher/endpoint/settle-call.js";
import { fitRequest, type TakenCall, takeCall } from "../../../../src/dispatcher/endpoint/take-call.js";
import { OutcomeLog } from "../../../../src/dispatcher/outcomes/outcome-log.js";
import type { Attempt } from "../../../../src/domain/attempt.js";
import type { Call } from "../../../../src/domain/call.js";
import { ACCEPTED, aCall, anAttempt, REFUSED_503 } from "../../../support/builders.js";
import { AN_OUTAGE, AT, aDownEndpoint, anEndpoint, POLICY, RULES, someCalls } from "../../../support/dispatcher/an-endpoint.js";
import { HOUR, MINUTE } from "../../../support/dispatcher/simulation.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

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

  it.each(["probe", "fresh", "backlog"] as const)("is read again if it was read over a second ago (%s)", (queue) => {
    const endpoint = anEndpoint();
    endpoint.queues[queue].fill(someCalls([1], MINUTE), AT.monotonicMs - 1_001);
    expect([take(endpoint), endpoint.queues[queue].length, endpoint.hints.mayHavePending]).toEqual(["stale", 0, true]);
    endpoint.queues[queue].fill(someCalls([1], MINUTE), AT.monotonicMs - 1_000);
    expect(takeOne(endpoint).call.seq).toBe(1);
  });

  it("is a failed one before a new one, except every fourth time, and whatever is left", () => {
    const endpoint = anEndpoint();
    endpoint.callsTaken = 3;
    endpoint.queues.backlog.fill(someCalls([1, 2], MINUTE), AT.monotonicMs);
    expect(takeOne(endpoint).call.seq).toBe(1);
    endpoint.callsTaken = 0;
    endpoint.queues.fresh.fill(someCalls([3, 4]), AT.monotonicMs);
    expect([0, 0, 0].map(() => takeOne(endpoint).call.seq)).toEqual([2, 3, 4]);
  });

  it("isn't taken beside as many as the share, which isn't what limits an endpoint that is full", () => {
    const endpoint = anEndpoint();
    endpoint.queues.fresh.fill(someCalls([1, 2]), AT.monotonicMs);
    endpoint.requestsInFlight = 63;
    expect([take(endpoint, 63), takeOne(endpoint).call.seq, take(endpoint, 99)]).toEqual(["limited", 1, "nothing"]);
  });

  it("knows its recovery, its round and why it is sent", () => {
    const recovering = anEndpoint({ endpoint: { state: "recovering", recovery: 3, recoveringSince: AT.now } });
    recovering.queues.backlog.fill(
      someCalls([1], MINUTE).map((call) => ({ ...call, due: { at: 0, cause: "replay" } })),
      AT.monotonicMs,
    );
    const { callback } = recovering;
    expect(takeOne(recovering)).toMatchObject({
      cause: "replay",
      recovery: 3,
      isOfRound: false,
      isTrial: false,
      sentTo: callback,
    });
    expect(recovering.inFlight.remove(1)).toEqual({ dueAt: null, generation: 0 });
    expect([recovering.roundInFlight, recovering.callsTaken, recovering.requestsInFlight]).toEqual([0, 1, 1]);
    const down = aDownEndpoint({ recovery: 3 });
    down.queues.probe.fill(someCalls([1]), AT.monotonicMs);
    down.queues.backlog.fill(someCalls([2], MINUTE), AT.monotonicMs);
    expect([takeOne(down), takeOne(down)]).toMatchObject([
      { cause: "probe", recovery: 0, isOfRound: false },
      { cause: "retry", recovery: 0, isOfRound: true },
    ]);
    expect(down.roundLeft).toBe(0);
  });

  it("isn't one whose window has ended: its retry is cancelled with the next read", () => {
    const endpoint = anEndpoint();
    endpoint.queues.backlog.fill(someCalls([1], AT.now - HOUR - 1), AT.monotonicMs);
    expect([take(endpoint), endpoint.hints.dueAt]).toEqual(["nothing", AT.now]);
    endpoint.queues.backlog.fill([...someCalls([1], AT.now - HOUR - 1), ...someCalls([2], AT.now - HOUR)], AT.monotonicMs);
    expect(takeOne(endpoint).call.seq).toBe(2);
    const recovering = anEndpoint({ endpoint: { state: "recovering", recovery: 1, recoveringSince: AT.now - MINUTE } });
    recovering.queues.backlog.fill(someCalls([1], AT.now - HOUR - MINUTE), AT.monotonicMs);
    expect(takeOne(recovering).call.seq).toBe(1);
  });

  it("is one trial while the calls lack something, and the others wait for the next", () => {
    const endpoint = anEndpoint();
    endpoint.shortage = { retryAt: AT.now + 1, waitMs: 400 };
    endpoint.queues.fresh.fill(someCalls([1, 2]), AT.monotonicMs);
    expect([take(endpoint), endpoint.queues.fresh.length]).toEqual(["nothing", 2]);
    endpoint.shortage = { retryAt: AT.now, waitMs: 400 };
    expect(takeOne(endpoint)).toMatchObject({ isTrial: true, call: { seq: 1 } });
    expect([endpoint.shortage, endpoint.queues.fresh.length]).toEqual([{ retryAt: AT.now + 400, waitMs: 400 }, 0]);
  });

  it("gives its place in the queue for room up where nothing is to be sent", () => {
    const full = new DeliveryBudget<EndpointState>(64 * MIB);
    const [other, next] = [anEndpoint(), anEndpoint()];
    const waiting = (change: (endpoint: EndpointState) => void, share = 64) => {
      const endpoint = anEndpoint();
      full.tryHold(other, 64 * MIB);
      full.tryHold(endpoint, 10 * MIB);
      full.tryHold(next, 10 * MIB);
      change(endpoint);
      const taken = takeCall(endpoint, share, full, AT);
      full.release(other, 64 * MIB);
      const isFirst = full.takeOffered()[0] === endpoint;
      for (const owner of [endpoint, next]) full.stopWaiting(owner);
      full.takeOffered();
      return [taken, isFirst];
    };
    expect(waiting(() => {})).toEqual(["nothing", false]);
    // What is read again may be sent in its turn.
    const rereading = (endpoint: EndpointState) => {
      endpoint.hints.mayHavePending = true;
    };
    expect(waiting(rereading)).toEqual(["nothing", true]);
    const probed = (endpoint: EndpointState) => {
      rereading(endpoint);
      endpoint.health = aDownEndpoint().health;
    };
    expect(waiting(probed)).toEqual(["nothing", false]);
    expect(waiting(rereading, 0)).toEqual(["limited", false]);
    const lacking = (endpoint: EndpointState) => {
      rereading(endpoint);
      endpoint.shortage = { retryAt: AT.now + 1, waitMs: 400 };
    };
    expect(waiting(lacking)).toEqual(["nothing", false]);
  });

  it("needs room for its request only if it was read whole, and for both if it wasn't", () => {
    const taken = (call: Call, room: number) => {
      const endpoint = anEndpoint();
      const tight = new DeliveryBudget<EndpointState>(7_000 + room);
      tight.tryHold(anEndpoint(), 6_000);
      tight.tryHold(endpoint, 1_000);
      endpoint.queues.fresh.fill([call], AT.monotonicMs);
      return typeof takeCall(endpoint, 64, tight, AT) === "object";
    };
    const queue = anEndpoint().queues.fresh;
    queue.fill([aCall()], AT.monotonicMs);
    expect([taken(aCall(), queue.bytes), taken(aCall(), queue.bytes - 1)]).toEqual([true, false]);
    const large = aCall({ leftOutBytes: 1_000 });
    expect([taken(large, 3_048), taken(large, 3_047)]).toEqual([true, false]);
  });

  it("takes twice its memory, for itself and its request, or what its stored size is expected to grow to", () => {
    const endpoint = anEndpoint();
    endpoint.bodyGrowth = 1.5;
    endpoint.queues.fresh.fill([aCall({ leftOutBytes: 1_001 })], AT.monotonicMs);
    expect(takeOne(endpoint).bodyBytes).toBe(1_502 + 2_048);
    endpoint.queues.fresh.fill([aCall()], AT.monotonicMs);
    const bytes = endpoint.queues.fresh.bytes;
    expect(takeOne(endpoint).bodyBytes).toBe(2 * bytes);
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
    endpoint.isProbing = true;
    endpoint.queues.fresh.fill(someCalls([2]), AT.monotonicMs);
    endCall(endpoint, takeOne(endpoint), budget);
    expect([endpoint.isProbing, endpoint.roundInFlight]).toEqual([true, 0]);
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

describe("a request that is built", () => {
  it("of a prefetched call is counted as it is if it is larger than the call, even beyond the budget", () => {
    const endpoint = anEndpoint();
    endpoint.queues.fresh.fill([aCall()], AT.monotonicMs);
    const taken = takeOne(endpoint);
    budget.tryHold(anEndpoint(), 1_000);
    const expected = taken.bodyBytes;
    for (const requestBytes of [1, expected / 2])
      expect([fitRequest(endpoint, taken, requestBytes, budget), taken.bodyBytes]).toEqual([true, expected]);
    expect([fitRequest(endpoint, taken, expected, budget), taken.bodyBytes]).toEqual([true, 1.5 * expected]);
    taken.bodyBytes = expected;
    budget.resize(endpoint, 1.5 * expected, expected);
    expect([fitRequest(endpoint, taken, 100 * MIB, budget), taken.bodyBytes]).toEqual([true, 100 * MIB + expected / 2]);
    expect([budget.heldBytes, endpoint.bodyGrowth]).toEqual([taken.bodyBytes + 1_000, 1]);
  });

  it("of a large call is counted with what the call takes, and never expected to shrink", () => {
    const endpoint = anEndpoint();
    endpoint.queues.fresh.fill([aCall({ leftOutBytes: 1_000 })], AT.monotonicMs);
    const taken = takeOne(endpoint);
    expect([fitRequest(endpoint, taken, 500, budget), taken.bodyBytes, endpoint.bodyGrowth]).toEqual([true, 1_524, 1]);
    expect(budget.heldBytes).toBe(1_524);
  });
});

describe("a taken call that ends", () => {
  const NOW = AT.now;
  const logged: unknown[][] = [];
  const attempts: unknown[][] = [];
  const deps = {
    clock: new VirtualClock(NOW),
    random: AT.random,
    logger: { info() {}, warn() {}, error: (...words: unknown[]) => void logged.push(words) },
    onAttempt: (...words: unknown[]) => void attempts.push(words),
  };
  const settle = (
    endpoint: EndpointState,
    taken: TakenCall,
    outcome: Parameters<typeof settleTaken>[2],
    over: Partial<SettleDeps["deps"]> = {},
  ) => {
    logged.length = 0;
    attempts.length = 0;
    const log = new OutcomeLog(POLICY);
    settleTaken(endpoint, taken, outcome, { deps: { ...deps, ...over }, rules: RULES, log });
    return log.nextGroup();
  };
  const takenFrom = (endpoint: EndpointState) => {
    endpoint.queues.fresh.fill(someCalls([1, 2]), AT.monotonicMs);
    return takeOne(endpoint);
  };
  const shortage = { fault: new OwnShortage("no proxy", "start it", undefined) };
  const failedAttempt: Attempt = anAttempt({ startedAt: NOW, result: REFUSED_503 });

  it("without being sent is read again", () => {
    const endpoint = anEndpoint();
    const group = settle(endpoint, takenFrom(endpoint), null);
    expect([group, endpoint.inFlight.size, endpoint.hints]).toEqual([
      null,
      0,
      { mayHavePending: true, mayHaveHeld: true, dueAt: 0 },
    ]);
    expect([endpoint.roundLeft, attempts, logged]).toEqual([0, [], []]);
  });

  it("of a round that is over doesn't belong to the next one", () => {
    const endpoint = aDownEndpoint();
    endpoint.queues.backlog.fill(someCalls([1], MINUTE), AT.monotonicMs);
    const taken = takeOne(endpoint);
    endpoint.health = anEndpoint().health;
    settle(endpoint, taken, null);
    expect(endpoint.roundLeft).toBe(0);
  });

  it("by a fault of ours waits, and the log says so", () => {
    const endpoint = anEndpoint();
    const fault = new Error("bug");
    const taken = takenFrom(endpoint);
    expect(settle(endpoint, taken, { fault })).toBeNull();
    expect([endpoint.inFlight.has(1), endpoint.inFlight.retryAt, endpoint.shortage]).toEqual([true, NOW + 1_000, null]);
    const { id: callId, callbackId } = taken.call;
    expect(logged).toEqual([
      [{ err: fault, callbackId, callId, waitMs: 1_000 }, "A call could not be sent; it will be tried again"],
    ]);
  });

  it("by what all calls lack lets them wait for a trial after 1 s, 2 s, 4 s … 30 s, which is logged once", () => {
    const endpoint = anEndpoint();
    settle(endpoint, takenFrom(endpoint), shortage);
    expect([endpoint.shortage, endpoint.inFlight.size, endpoint.queues.fresh.length]).toEqual([
      { retryAt: NOW + 1_000, waitMs: 1_000 },
      0,
      0,
    ]);
    const fields = { err: shortage.fault, callbackId: "A" };
    expect(logged).toEqual([[fields, "The calls of a callback can't be sent; they wait, and one is tried again soon"]]);
    const waits = [1, 2, 3, 4, 5, 6].map(() => {
      endpoint.shortage = endpoint.shortage && { ...endpoint.shortage, retryAt: NOW };
      settle(endpoint, takenFrom(endpoint), shortage);
      return [endpoint.shortage?.waitMs, (endpoint.shortage?.retryAt ?? 0) - NOW, logged.length];
    });
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000].map((waitMs) => [waitMs, waitMs, 0]));
  });

  it("waits no longer than an interval for a trial, and what was in flight before it doesn't prolong the wait", () => {
    const endpoint = anEndpoint();
    const [before, trial] = [takenFrom(endpoint), takenFrom(endpoint)];
    endpoint.shortage = { retryAt: NOW, waitMs: 4_000 };
    settle(endpoint, { ...before, isTrial: false }, shortage);
    expect(endpoint.shortage).toEqual({ retryAt: NOW, waitMs: 4_000 });
    const rules = { ...RULES, policy: { ...POLICY, intervalMs: 5_000 } };
    settleTaken(endpoint, { ...trial, isTrial: true }, shortage, { deps: deps, rules, log: new OutcomeLog(POLICY) });
    expect(endpoint.shortage).toEqual({ retryAt: NOW + 5_000, waitMs: 5_000 });
  });

  it("with an attempt is stored, ends a shortage, and owes one e-mail if it opens an outage", () => {
    const endpoint = anEndpoint();
    endpoint.shortage = { retryAt: NOW, waitMs: 4_000 };
    const taken = { ...takenFrom(endpoint), recovery: 3 };
    const group = settle(endpoint, taken, failedAttempt, {
      outageUrl: (callbackId, outageId) => `/${callbackId}/${outageId}`,
    });
    const { outage } = endpoint.health;
    expect(endpoint.shortage).toBeNull();
    const { id: callId, seq: callSeq, callbackId } = taken.call;
    expect(group?.attempts).toMatchObject([
      { callbackId, callId, callSeq, attempt: failedAttempt, recovery: 3, outageId: outage?.id },
    ]);
    expect(attempts).toEqual([[callbackId, failedAttempt]]);
    expect(group?.mails).toMatchObject([{ outageId: outage?.id, callbackId: "A", to: "ops@example.com", createdAt: NOW }]);
    expect(group?.mails[0]?.text).toContain(`/A/${outage?.id}`);
    const second = settle(endpoint, { ...taken, call: aCall({ seq: 2 }) }, failedAttempt);
    expect([second?.mails, second?.attempts[0]?.outageId]).toEqual([[], outage?.id]);
    const retried = aCall({ seq: 2, firstFailedAt: MINUTE, sentAt: MINUTE });
    const third = settle(endpoint, { ...taken, call: retried }, failedAttempt);
    expect([third?.mails, third?.attempts[0]?.outageId]).toEqual([[], null]);
    expect(settle(endpoint, taken, anAttempt({ startedAt: NOW, result: ACCEPTED }))?.attempts[0]?.outageId).toBeNull();
  });

  it("is described in the e-mail as it was sent, though the callback was changed meanwhile", () => {
    const endpoint = anEndpoint();
    const taken = takenFrom(endpoint);
    endpoint.callback = { ...endpoint.callback, url: "http://127.0.0.1:9000/changed" };
    const text = settle(endpoint, taken, failedAttempt)?.mails[0]?.text ?? "";
    const words = ["/hook", "/changed", "/A/", "undefined", "null"];
    expect(words.map((word) => text.includes(word))).toEqual([true, false, false, false, false]);
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

  it("is due by its own first failure, and never by another's", () => {
    const endpoint = anEndpoint();
    failCall(endpoint, aCall({ firstFailedAt: AT.now - HOUR + 2 * MINUTE }));
    // Past the window nothing is due, but a round or drain may send the call.
    expect(endpoint.hints.dueAt).toBe(AT.now + 5 * MINUTE);
    const jittered = { ...SETTLED, policy: { ...POLICY, jitter: true }, jitter: 0 };
    endpoint.inFlight.add(1, { dueAt: null, generation: 0 });
    settleCall(endpoint, aCall({ firstFailedAt: AT.now - MINUTE }), anAttempt({ startedAt: AT.now }), jittered);
    expect(endpoint.inFlight.remove(1)?.dueAt).toBe(AT.now + 4.5 * MINUTE);
    endpoint.inFlight.add(1, { dueAt: null, generation: 0 });
    const last = aCall({ firstFailedAt: AT.now - HOUR + 5 * MINUTE });
    settleCall(endpoint, last, anAttempt({ startedAt: AT.now }), { ...jittered, jitter: 0.999 });
    expect(endpoint.inFlight.remove(1)?.dueAt).toBe(AT.now + 5 * MINUTE);
  });

  it("for the first time without retries may have been held before", () => {
    const held = aCall({ firstFailedAt: MINUTE, sentAt: null });
    expect(failCall(anEndpoint({ retriesEnabled: false }), held).isNew).toBe(true);
    expect(failCall(anEndpoint(), held).isNew).toBe(false);
    expect(failCall(anEndpoint({ retriesEnabled: false }), { ...held, sentAt: MINUTE }).isNew).toBe(false);
  });

  it("reopens an outage that marks have closed, or ends one that is over by when the attempt ended", () => {
    const endpoint = anEndpoint({ outage: { ...AN_OUTAGE, startedAt: AT.now - HOUR + 1 } });
    const attempt = anAttempt({ startedAt: AT.now, durationMs: 1 });
    expect(settleCall(endpoint, aCall(), attempt, SETTLED)).toMatchObject({ countedIn: { startedAt: AT.now }, isNew: true });
    expect(endpoint.closedOutages).toMatchObject([{ id: "OLD", endedAt: AT.now + 1 }]);
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
    endpoint.hints.mayHavePending = false;
    commitCall(endpoint, 1);
    endpoint.inFlight.add(2, { dueAt: null, generation: endpoint.generation });
    commitCall(endpoint, 2);
    expect([endpoint.hints.mayHavePending, endpoint.inFlight.size]).toEqual([false, 0]);
  });

  it("takes the endpoint down with nine others, which outdates what was read", () => {
    const endpoint = anEndpoint({ endpoint: { failedCalls: [11, 12, 13, 14, 15, 16, 17, 18, 19] } });
    endpoint.queues.fresh.fill(someCalls([2]), AT.monotonicMs);
    failCall(endpoint);
    expect([endpoint.health.endpoint.state, endpoint.queues.fresh.length, endpoint.generation]).toEqual(["down", 0, 1]);
  });

  it("changes nothing that was read while the endpoint stays up", () => {
    const endpoint = anEndpoint();
    endpoint.roundLeft = 2;
    failCall(endpoint);
    expect([endpoint.generation, endpoint.roundLeft]).toEqual([0, 2]);
  });

  it("was held, and isn't counted if its holding was skipped", () => {
    const endpoint = anEndpoint({ outage: { ...AN_OUTAGE, failedCalls: 5 } });
    skipHoldings(endpoint, 2);
    expect(endpoint.health.outage?.failedCalls).toBe(3);
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
    settleCall(endpoint, aCall(), attempt, SETTLED);
    expect(endpoint.mayBeOver).toBe(false);
    settleCall(endpoint, aCall({ firstFailedAt: AT.now - MINUTE }), attempt, SETTLED);
    expect(endpoint.mayBeOver).toBe(true);
    settleCall(endpoint, aCall(), attempt, SETTLED);
    expect(endpoint.mayBeOver).toBe(true);
    const quiet = anEndpoint();
    settleCall(quiet, aCall({ firstFailedAt: AT.now - MINUTE }), attempt, SETTLED);
    expect(quiet.mayBeOver).toBe(false);
  });

  it("ends the row of failures when its attempt ended, and isn't due again", () => {
    const endpoint = aDownEndpoint();
    endpoint.inFlight.add(1, { dueAt: 5, generation: 0 });
    settleCall(endpoint, aCall(), anAttempt({ startedAt: AT.now, durationMs: 7, result: ACCEPTED }), SETTLED);
    expect(endpoint.health.endpoint.recoveringSince).toBe(AT.now + 7);
    expect(endpoint.inFlight.remove(1)?.dueAt).toBeNull();
  });
});
