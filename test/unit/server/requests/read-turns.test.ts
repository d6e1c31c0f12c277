import { beforeEach, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { ReadTurns } from "../../../../src/server/requests/read-turns.js";
import { ManualTimers } from "../../../support/time/manual-timers.js";

let timers: ManualTimers;
let turns: ReadTurns;
let done: string[];

beforeEach(() => {
  timers = new ManualTimers();
  turns = new ReadTurns({ clock: systemClock, timers });
  done = [];
});

/** Reading it takes so long. */
function add(owner: string, name: string, ms: number): Promise<unknown> {
  return turns.run(owner, () => {
    timers.pass(ms);
    done.push(name);
    return name;
  });
}

it("lets owners take turns", async () => {
  const all = [add("ada", "a1", 1), add("ada", "a2", 1), add("ada", "a3", 1), add("eva", "e1", 1)];
  expect(await Promise.all(all)).toEqual(["a1", "a2", "a3", "e1"]);
  expect(done).toEqual(["a1", "a2", "e1", "a3"]);
});

it.each([
  { ms: 100, shortMs: 10 },
  { ms: 100, shortMs: 0 },
  { ms: 10, shortMs: 0 },
])("leaves everything else as long as a reading of $ms ms took, as that isn't short", async ({ ms, shortMs }) => {
  turns = new ReadTurns({ clock: systemClock, timers }, { shortMs });
  const [, second] = [add("ada", "a1", ms), add("ada", "a2", 1)];
  await expect.poll(() => timers.count).toBe(1);
  timers.advance(ms - 1);
  await systemClock.nextTurn();
  expect(done).toEqual(["a1"]);
  timers.advance(1);
  expect(await second).toBe("a2");
});

it("goes on after a body that can't be read", async () => {
  const failed = turns.run("ada", async () => {
    throw new Error("malformed");
  });
  const next = add("ada", "a2", 1);
  await expect(failed).rejects.toThrow("malformed");
  expect(await next).toBe("a2");
  expect(await add("ada", "a3", 1)).toBe("a3");
});
