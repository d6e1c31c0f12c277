import { expect, test } from "vitest";
import { ResponseSizeGuard } from "../../../src/delivery/response-size-guard.js";
import { ManualTimers } from "../../support/time/manual-timers.js";

const MIB = 1024 * 1024;

test("what reads over a MiB without an end is given up, what was read before it began doesn't count", () => {
  const time = new ManualTimers();
  const givenUp: string[] = [];
  const anItem = (where: string, bytesRead: number | null) => ({ where, bytesRead, giveUp: () => void givenUp.push(where) });
  const old = anItem("an old connection", 500 * MIB);
  const flood = anItem("a flood", 0);
  const waiting = anItem("one that waits for a connection", null);
  const underWay = new Set([old, flood, waiting]);
  const guard = new ResponseSizeGuard(() => underWay, time);

  guard.wake();
  guard.wake();
  expect(time.count).toBe(1);
  time.advance(1_000);
  flood.bytesRead = MIB;
  time.advance(1_000);
  expect(givenUp).toEqual([]);
  flood.bytesRead = MIB + 1;
  time.advance(1_000);
  expect(givenUp).toEqual(["a flood"]);
});

test("nothing is looked at while nothing is under way", () => {
  const time = new ManualTimers();
  const guard = new ResponseSizeGuard(() => [], time);
  guard.wake();
  time.advance(1_000);
  expect(time.count).toBe(0);
});
