import { describe, expect, it } from "vitest";
import { CallQueue, InFlightCalls } from "../../../../src/dispatcher/endpoint/calls-in-memory.js";
import { aCall, aResponse } from "../../../support/builders.js";
import { someCalls } from "../../../support/dispatcher/an-endpoint.js";

const bytesIn = (over: Parameters<typeof aCall>[0]) => {
  const queue = new CallQueue();
  queue.fill([aCall(over)], 0);
  return queue.bytes;
};

describe("a queue of calls that were read", () => {
  it("has its calls in order, each until it is taken", () => {
    const queue = new CallQueue();
    const calls = someCalls([1, 2]);
    queue.fill(calls, 5);
    expect([queue.length, queue.head?.call, queue.has(1), queue.has(2), queue.has(3)]).toEqual([2, calls[0], true, true, false]);
    queue.dropHead();
    expect([queue.length, queue.head?.call, queue.has(1), queue.has(2)]).toEqual([1, calls[1], false, true]);
    for (let time = 0; time < 2; time++) queue.dropHead();
    expect([queue.length, queue.head, queue.has(2), queue.bytes]).toEqual([0, undefined, false, 0]);
    queue.fill(calls, 5);
    queue.dropHead();
    queue.fill(calls, 5);
    expect([queue.length, queue.head?.call.seq]).toEqual([2, 1]);
    queue.clear();
    expect([queue.length, queue.head, queue.bytes]).toEqual([0, undefined, 0]);
  });

  it("is older than an instant after it was read, unless it is empty", () => {
    const queue = new CallQueue();
    expect(queue.isOlderThan(9)).toBe(false);
    queue.fill(someCalls([1]), 5);
    expect([queue.isOlderThan(5), queue.isOlderThan(6)]).toEqual([false, true]);
    queue.dropHead();
    expect(queue.isOlderThan(6)).toBe(false);
  });

  it("takes 1 KiB for a call, and two bytes for each character of its response", () => {
    const from = { name: "a", mri: "bb", mobile: "ccc", email: "dddd", voice: "eeeee" };
    const responseMessage = { channel: "SMS", kind: "reply", date: "24/11/26 09:30", content: "1234567" } as const;
    const response = aResponse({
      messageId: "x",
      messageLocation: "yy",
      from,
      responseMessage,
      customParameters: { k: "vv", kk: "v" },
    });
    expect(bytesIn({ response })).toBe(1_024 + 2 * (1 + 2 + 15 + 7 + 3 + 3));
    const given = { response: ["messageId", ["extra", "12"]], from: [["n", "3"]], responseMessage: [] } as const;
    expect(bytesIn({ response: { ...response, given } })).toBe(1_024 + 2 * (31 + 7 + 2));
    expect(bytesIn({ response, leftOutBytes: 0 })).toBe(1_024);
  });

  it("takes what the calls take that are left in it", () => {
    const queue = new CallQueue();
    queue.fill([aCall({ leftOutBytes: 9 }), aCall({ response: aResponse({ customParameters: { k: "v" } }) })], 0);
    const both = queue.bytes;
    queue.dropHead();
    expect(both - queue.bytes).toBe(1_024);
  });
});

describe("calls in flight", () => {
  const inFlight = () => {
    const calls = new InFlightCalls(5_000);
    for (const seq of [1, 2]) calls.add(seq, { dueAt: null, generation: 7 });
    return calls;
  };

  it("are known until their outcome is stored, with when they are due again", () => {
    const calls = inFlight();
    expect([calls.size, calls.has(1), calls.has(3)]).toEqual([2, true, false]);
    calls.noteAttempt(1, 300);
    calls.noteAttempt(3, 300);
    expect([calls.remove(1), calls.remove(2), calls.remove(3), calls.size]).toEqual([
      { dueAt: 300, generation: 7 },
      { dueAt: null, generation: 7 },
      undefined,
      0,
    ]);
  });

  it("wait 1 s, 2 s, 4 s and at last the longest time after our own faults, which an attempt ends", () => {
    const calls = inFlight();
    expect([0, 0, 0, 0, 0].map((now) => calls.waitAfterFault(1, now))).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
    calls.noteAttempt(1, null);
    expect([calls.retryAt, calls.waitAfterFault(1, 0)]).toEqual([null, 1_000]);
    expect(new InFlightCalls(10).waitAfterFault(1, 0)).toBe(10);
  });

  it("are begun unless they wait after a fault, and are then read again, the first one first", () => {
    const calls = inFlight();
    calls.waitAfterFault(1, 100);
    expect([calls.listBegun(), calls.retryAt]).toEqual([new Set([2]), 1_100]);
    calls.waitAfterFault(2, 50);
    expect([calls.retryAt, calls.endWaits(1_049), calls.endWaits(1_050)]).toEqual([1_050, false, true]);
    expect([calls.has(2), calls.has(1), calls.retryAt, calls.endWaits(1_050)]).toEqual([false, true, 1_100, false]);
    calls.add(2, { dueAt: null, generation: 7 });
    expect(calls.listBegun()).toEqual(new Set([2]));
  });

  it("are read again first whose wait ends first, whichever began to wait first", () => {
    const calls = inFlight();
    calls.waitAfterFault(1, 50);
    calls.waitAfterFault(2, 100);
    expect(calls.retryAt).toBe(1_050);
  });

  it("wait no longer because the clock was set back", () => {
    const calls = inFlight();
    calls.waitAfterFault(1, 100);
    expect(calls.endWaits(100)).toBe(false);
    expect(calls.endWaits(99)).toBe(true);
  });
});
