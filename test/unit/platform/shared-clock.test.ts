import { beforeEach, describe, expect, it } from "vitest";
import { SharedClock } from "../../../src/platform/shared-clock.js";
import { VirtualClock } from "../../support/time/virtual-clock.js";

const MINUTE = 60_000;

let local: VirtualClock;
let shared: SharedClock;
/** How far the database's clock is ahead of the local one as it was at first. */
let aheadMs: number;
let answerMs: number;

beforeEach(() => {
  local = new VirtualClock();
  const start = local.now();
  [aheadMs, answerMs] = [10 * MINUTE, 0];
  shared = new SharedClock(local, async () => {
    if (Number.isNaN(aheadMs)) throw new Error("away");
    const time = start + local.monotonicMs() + aheadMs;
    local.advance(answerMs);
    return time;
  });
});

const difference = () => shared.now() - local.now();

describe("a shared clock", () => {
  it("is the database's, however the local one is set", async () => {
    expect(difference()).toBe(0);
    await shared.sync();
    expect(difference()).toBe(10 * MINUTE);
    local.advance(1_000);
    local.jump(-7 * MINUTE);
    expect(difference()).toBe(17 * MINUTE);
  });

  it("isn't ahead of the database's after a slow first answer", async () => {
    answerMs = 1_000;
    await shared.sync();
    expect(difference()).toBe(10 * MINUTE - 1_000);
    answerMs = 10;
    await shared.sync();
    expect(difference()).toBe(10 * MINUTE - 10);
  });

  it("stays where it is while a slow answer doesn't prove it wrong", async () => {
    await shared.sync();
    answerMs = 1_000;
    await shared.sync();
    expect(difference()).toBe(10 * MINUTE);
    aheadMs += 400;
    await shared.sync();
    expect(difference()).toBe(10 * MINUTE);
    aheadMs += 1_000;
    await shared.sync();
    expect(difference()).toBe(10 * MINUTE + 400);
  });

  it("follows a database whose clock is set back", async () => {
    await shared.sync();
    aheadMs = MINUTE;
    await shared.sync();
    expect(difference()).toBe(MINUTE);
  });

  it("follows the database every 5 seconds, also after an error, until it is stopped", async () => {
    await shared.sync();
    const stopping = new AbortController();
    const errors: unknown[] = [];
    const following = shared.follow(stopping.signal, (error) => errors.push(error));
    for (const [ahead, expected] of [
      [MINUTE, MINUTE],
      [Number.NaN, MINUTE],
      [2 * MINUTE, 2 * MINUTE],
    ] as const) {
      aheadMs = ahead;
      local.advance(5_000);
      await local.nextTurn();
      expect(difference()).toBe(expected);
    }
    expect(errors).toEqual([new Error("away")]);
    stopping.abort();
    await following;
  });

  it("sleeps until its own time", async () => {
    await shared.sync();
    let isAwake = false;
    void shared.sleepUntil(shared.now() + 100).then(() => (isAwake = true));
    local.advance(99);
    await local.nextTurn();
    expect(isAwake).toBe(false);
    local.advance(1);
    await local.nextTurn();
    expect(isAwake).toBe(true);
  });
});
