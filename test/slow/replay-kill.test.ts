/** kill -9 comes in the middle of a replay. test/soak has the long run. WHCB_KILL_SEED repeats a run that failed. */
import { once } from "node:events";
import { afterEach, beforeEach, expect, it } from "vitest";
import { expectReplayKillRules } from "../e2e/replay-kill-rules.js";
import { eventually, Home } from "../support/process/whcb-process.js";
import { countingEndpoint } from "../support/replay/replay-desk.js";
import { replayKills, unknownCalls } from "../support/replay/replay-kills.js";
import { idsOf, newestJournal, works } from "../support/replay/replay-outage.js";
import { seededRandom } from "../support/time/seeded-random.js";

const SEED = Number(process.env.WHCB_KILL_SEED ?? Date.now() % 1_000_000);
const CONCURRENCY = 8;

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

it(`kills a replay again and again (seed ${SEED}): nothing accepted is lost or repeated, and unknown sends are reported`, {
  // A replay that is killed before it has a journal leaves a lease, for which the next one waits 30 s.
  timeout: 240_000,
}, async () => {
  const random = seededRandom(SEED);
  const figures = await replayKills(home, { kills: 5, calls: 500, concurrency: CONCURRENCY, random });
  expectReplayKillRules(figures, CONCURRENCY);
  expect(figures.kills).toHaveLength(5);
});

it("a call in flight when a replay of two callbacks is killed is unknown, and what was never sent isn't", async () => {
  let isDown = true;
  let answered = 0;
  const arrivals = new EventTarget();
  // The first one fails again after a while, so its sender stops with calls written ahead; the second one doesn't answer.
  const one = await countingEndpoint(() => ({ status: isDown || ++answered > 150 ? 503 : 200, delayMs: 1 }));
  const other = await countingEndpoint(() => {
    if (!isDown) arrivals.dispatchEvent(new Event("request"));
    return isDown ? { status: 503 } : { status: 200, after: released };
  });
  const released = once(arrivals, "released").then(() => undefined);
  try {
    await home.serve(["--no-endpoint-check", "--log-level", "warn"]);
    for (const [name, { url }, calls] of [["one", one, 600] as const, ["two", other, 20] as const]) {
      await works(home, ["callbacks", "create", "--name", name, "--url", url, "--email", "ops@example.com"]);
      await works(home, ["trigger", name, "-n", String(calls)]);
      const failed = () => idsOf(home, ["calls", "list", name, "--failed", "--all"]);
      await eventually(failed, (ids) => ids.length === calls, 60_000);
    }
    isDown = false;
    const before = [one.received.length, other.received.length] as const;
    const isInFlight = once(arrivals, "request");
    const replaying = home.start(["replay", "--failed", "--all-callbacks", "--yes", "--no-canary"]);
    await isInFlight;
    await replaying.stop("SIGKILL");
    const inFlight = other.received.slice(before[1]);
    expect(inFlight).toHaveLength(1);
    const runId = newestJournal(home)?.runId ?? "";
    const unknown = await unknownCalls(home, runId);
    expect(unknown).toContain(inFlight[0]);
    const callsOfOne = new Set(one.received.slice(0, before[0]));
    expect(unknown.filter((id) => callsOfOne.has(id))).toEqual([]);
    arrivals.dispatchEvent(new Event("released"));
    await home.whcb(["replay", "--resume"]);
    expect(other.received.slice(before[1]).filter((id) => inFlight.includes(id))).toEqual(inFlight);
  } finally {
    await one.close();
    await other.close();
  }
});
