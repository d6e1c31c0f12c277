import { expect, test } from "vitest";
import { ResponseSizeGuard } from "../../../src/delivery/response-size-guard.js";
import { ManualTimers } from "../../support/time/manual-timers.js";

const MIB = 1024 * 1024;

test("aborts an exchange that reads over 1 MiB, not counting what its connection had read before", () => {
  const time = new ManualTimers();
  const aborted: string[] = [];
  const anItem = (where: string, bytesRead: number | null) => ({ where, bytesRead, abort: () => void aborted.push(where) });
  const old = anItem("an old connection", 500 * MIB);
  const endless = anItem("an endless answer", 0);
  const waiting = anItem("one that waits for a connection", null);
  const inFlight = new Set([old, endless, waiting]);
  const guard = new ResponseSizeGuard(() => inFlight, time);

  guard.wake();
  guard.wake();
  expect(time.count).toBe(1);
  time.advance(1_000);
  endless.bytesRead = MIB;
  time.advance(1_000);
  expect(aborted).toEqual([]);
  endless.bytesRead = MIB + 1;
  time.advance(1_000);
  expect(aborted).toEqual(["an endless answer"]);
});

test("has no timer while nothing is in flight", () => {
  const time = new ManualTimers();
  const guard = new ResponseSizeGuard(() => [], time);
  guard.wake();
  time.advance(1_000);
  expect(time.count).toBe(0);
});
