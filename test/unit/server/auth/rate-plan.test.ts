import { describe, expect, it } from "vitest";
import { PLANS } from "../../../../src/domain/service-settings.js";
import { RateCounter } from "../../../../src/server/auth/rate-plan.js";
import { sharedLimits } from "../../../support/server/shared-limits.js";

const NOON = Date.UTC(2026, 0, 1, 12);

describe("RateCounter", () => {
  it("allows the plan's number a second, for each key", async () => {
    const counter = new RateCounter({ perSecond: 2, perDay: 100 });
    const take = async (key: string, now: number) => (await counter.admitRequest(key, now)).over;
    expect([
      await take("a", NOON),
      await take("a", NOON + 999),
      await take("a", NOON + 999),
      await take("b", NOON + 999),
      await take("a", NOON + 1000),
      await take("a", NOON + 999),
      await take("a", NOON + 999),
    ]).toEqual([null, null, "QPS", null, null, null, "QPS"]);
  });

  it("allows the plan's number a UTC day, rejected requests not counted", () => {
    const { perSecond, perDay } = PLANS.startup;
    const counter = new RateCounter(PLANS.startup);
    let now = NOON;
    for (let count = 0; count < perDay; count++) {
      if (count > 0 && count % perSecond === 0) {
        expect(counter.admitRequest("a", now)).toEqual({ over: "QPS", retryAfterSeconds: 1 });
        now += 1000;
      }
      expect(counter.admitRequest("a", now)).toEqual({ over: null });
    }
    now += 1000;
    const midnight = Date.UTC(2026, 0, 2);
    expect(counter.admitRequest("a", now)).toEqual({ over: "QPD", retryAfterSeconds: (midnight - now) / 1000 });
    expect(counter.admitRequest("a", midnight - 1)).toEqual({ over: "QPD", retryAfterSeconds: 1 });
    expect(counter.admitRequest("a", midnight)).toEqual({ over: null });
  });

  it("counts from zero after the clock was set back", async () => {
    const counter = new RateCounter({ perSecond: 2, perDay: 3 });
    const ahead = NOON + 40 * 86_400_000;
    expect([await counter.admitRequest("a", ahead), await counter.admitRequest("a", ahead)]).toEqual([
      { over: null },
      { over: null },
    ]);
    expect([await counter.admitRequest("a", NOON), await counter.admitRequest("a", NOON)]).toEqual([
      { over: null },
      { over: null },
    ]);
    expect(await counter.admitRequest("a", NOON)).toEqual({ over: "QPS", retryAfterSeconds: 1 });
    expect(await counter.admitRequest("a", NOON + 1000)).toEqual({ over: null });
    expect(await counter.admitRequest("a", NOON + 2000)).toEqual({ over: "QPD", retryAfterSeconds: 12 * 3600 - 2 });
  });

  it("counts for all nodes, and asks them only for what may be admitted", async () => {
    const limits = sharedLimits();
    const plan = { perSecond: 2, perDay: 3 };
    const [one, other] = [new RateCounter(plan, limits.store), new RateCounter(plan, limits.store)];
    const take = async (counter: RateCounter, now: number) => {
      const { over } = await counter.admitRequest("a", now);
      return [over, limits.countChanges()];
    };
    expect([await take(one, NOON), await take(one, NOON), await take(one, NOON)]).toEqual([
      [null, 1],
      [null, 2],
      ["QPS", 2],
    ]);
    expect([await take(other, NOON), await take(other, NOON)]).toEqual([
      ["QPS", 3],
      ["QPS", 3],
    ]);
    expect([await take(other, NOON + 1000), await take(other, NOON + 2000), await take(one, NOON + 2000)]).toEqual([
      [null, 4],
      ["QPD", 4],
      ["QPD", 5],
    ]);
    expect([...limits.stored.values()]).toEqual([
      { state: [NOON / 1000 + 1, 1, NOON / 86_400_000 - 0.5, 3], expiresAt: Date.UTC(2026, 0, 2) },
    ]);
  });
});
