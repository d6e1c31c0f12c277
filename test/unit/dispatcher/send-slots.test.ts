import { describe, expect, it } from "vitest";
import { type Sender, SendSlots } from "../../../src/dispatcher/send-slots.js";

/** Has so much to send, and may have so many in flight. */
class Endpoint implements Sender {
  inFlight = 0;
  left: number;
  readonly #limit: number;

  constructor(left: number, limit = 64) {
    this.left = left;
    this.#limit = limit;
  }

  sendOne(share: number): "sent" | "limited" | "nothing" {
    if (this.left === 0 || this.inFlight >= this.#limit) return "nothing";
    if (this.inFlight >= share) return "limited";
    this.left -= 1;
    this.inFlight += 1;
    return "sent";
  }

  /** One of its requests ends. */
  end(slots: SendSlots): void {
    this.inFlight -= 1;
    slots.release(this);
    slots.pump();
  }
}

function offer(slots: SendSlots, endpoints: readonly Endpoint[]): void {
  for (const endpoint of endpoints) slots.enqueue(endpoint);
  slots.pump();
}

describe("send slots", () => {
  it("give one endpoint no more than its limit", () => {
    const slots = new SendSlots(512);
    const endpoint = new Endpoint(1_000);
    offer(slots, [endpoint]);
    expect([endpoint.inFlight, slots.inUse]).toEqual([64, 64]);
  });

  it("go round the endpoints that wait, one each", () => {
    const slots = new SendSlots(30);
    const endpoints = [new Endpoint(100), new Endpoint(100), new Endpoint(100)];
    offer(slots, endpoints);
    expect(Math.max(...endpoints.map((it) => it.inFlight)) - Math.min(...endpoints.map((it) => it.inFlight))).toBeLessThanOrEqual(
      1,
    );
  });

  it("leave room for others when ten endpoints hang with everything they are allowed", () => {
    const slots = new SendSlots(512);
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
    const slots = new SendSlots(512);
    for (let endpoint = 0; endpoint < 40; endpoint += 1) offer(slots, [new Endpoint(100_000)]);
    const healthy = Array.from({ length: 24 }, () => new Endpoint(100));
    offer(slots, healthy);
    expect(Math.min(...healthy.map((it) => it.inFlight))).toBeGreaterThanOrEqual(1);
  });

  it("use at least half of them, whichever endpoints are busy", () => {
    for (const busy of [4, 8, 20, 64]) {
      const slots = new SendSlots(512);
      offer(
        slots,
        Array.from({ length: busy }, () => new Endpoint(100_000)),
      );
      expect(slots.inUse).toBeGreaterThanOrEqual(256);
    }
  });

  it("offer one that had its share another slot once more are free", () => {
    const slots = new SendSlots(64);
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
    slots.pump();
    expect(busy.inFlight).toBeGreaterThan(10);
  });

  it("forget no one who waits while all slots are taken", () => {
    const slots = new SendSlots(2);
    const first = new Endpoint(10, 2);
    const second = new Endpoint(1);
    offer(slots, [first]);
    offer(slots, [second]);
    first.end(slots);
    first.end(slots);
    expect(second.left).toBe(0);
  });
});
