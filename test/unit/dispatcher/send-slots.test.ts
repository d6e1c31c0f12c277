import { describe, expect, it } from "vitest";
import { SendSlots } from "../../../src/dispatcher/send-slots.js";

/** Has so much to send, and may have so many in flight. */
class Endpoint {
  inFlight = 0;
  left: number;
  readonly limit: number;

  constructor(left: number, limit = 64) {
    this.left = left;
    this.limit = limit;
  }

  /** Ends one of the owner's requests. */
  end(slots: SendSlots<Endpoint>): void {
    this.inFlight -= 1;
    slots.release(this);
    pump(slots);
  }
}

/** Sends while slots are free and endpoints wait, as a dispatcher does. */
function pump(slots: SendSlots<Endpoint>): void {
  for (let endpoint = slots.next(); endpoint; endpoint = slots.next()) {
    if (endpoint.left === 0 || endpoint.inFlight >= endpoint.limit) continue;
    if (endpoint.inFlight >= slots.share) slots.setAside(endpoint);
    else {
      endpoint.left -= 1;
      endpoint.inFlight += 1;
      slots.take(endpoint);
    }
  }
}

function offer(slots: SendSlots<Endpoint>, endpoints: readonly Endpoint[]): void {
  for (const endpoint of endpoints) slots.enqueue(endpoint);
  pump(slots);
}

describe("send slots", () => {
  it("give one endpoint no more than its limit", () => {
    const slots = new SendSlots<Endpoint>(512);
    const endpoint = new Endpoint(1_000);
    offer(slots, [endpoint]);
    expect([endpoint.inFlight, slots.inUse]).toEqual([64, 64]);
  });

  it("go round the endpoints that wait, one each", () => {
    const slots = new SendSlots<Endpoint>(30);
    const endpoints = [new Endpoint(100), new Endpoint(100), new Endpoint(100)];
    offer(slots, endpoints);
    expect(Math.max(...endpoints.map((it) => it.inFlight)) - Math.min(...endpoints.map((it) => it.inFlight))).toBeLessThanOrEqual(
      1,
    );
  });

  it("leave room for others when ten endpoints hang with everything they are allowed", () => {
    const slots = new SendSlots<Endpoint>(512);
    offer(
      slots,
      Array.from({ length: 10 }, () => new Endpoint(100_000)),
    );
    const healthy = Array.from({ length: 10 }, () => new Endpoint(100));
    offer(slots, healthy);
    expect(Math.min(...healthy.map((it) => it.inFlight))).toBeGreaterThanOrEqual(3);
    for (let turn = 0; turn < 100; turn += 1) for (const it of healthy) if (it.inFlight > 0) it.end(slots);
    expect(healthy.map((it) => it.left)).toEqual(Array(10).fill(0));
  });

  it("leave room for others when forty endpoints hang, one after another", () => {
    const slots = new SendSlots<Endpoint>(512);
    for (let endpoint = 0; endpoint < 40; endpoint += 1) offer(slots, [new Endpoint(100_000)]);
    const healthy = Array.from({ length: 24 }, () => new Endpoint(100));
    offer(slots, healthy);
    expect(Math.min(...healthy.map((it) => it.inFlight))).toBeGreaterThanOrEqual(1);
  });

  it("use at least half of them, whichever endpoints are busy", () => {
    for (const busy of [4, 8, 20, 64]) {
      const slots = new SendSlots<Endpoint>(512);
      offer(
        slots,
        Array.from({ length: busy }, () => new Endpoint(100_000)),
      );
      expect(slots.inUse).toBeGreaterThanOrEqual(256);
    }
  });

  it("offer one that had its share another slot once more are free", () => {
    const slots = new SendSlots<Endpoint>(64);
    const hanging = Array.from({ length: 8 }, () => new Endpoint(100, 4));
    offer(slots, hanging);
    const busy = new Endpoint(100);
    offer(slots, [busy]);
    expect([slots.inUse, busy.inFlight]).toEqual([33, 1]);
    for (const endpoint of hanging.slice(0, 4)) {
      endpoint.left = 0;
      while (endpoint.inFlight > 0) endpoint.end(slots);
    }
    expect(busy.inFlight).toBe(1);
    slots.enqueueLimited();
    pump(slots);
    expect(busy.inFlight).toBeGreaterThan(10);
  });

  it("forget no one who waits while all slots are taken", () => {
    const slots = new SendSlots<Endpoint>(2);
    const first = new Endpoint(10, 2);
    const second = new Endpoint(1);
    offer(slots, [first]);
    offer(slots, [second]);
    first.end(slots);
    first.end(slots);
    expect(second.left).toBe(0);
  });
});
