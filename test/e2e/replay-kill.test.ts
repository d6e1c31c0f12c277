/** kill -9 in the middle of a replay; test/soak has the long run. WHCB_KILL_SEED repeats a run that failed. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { Home } from "../support/process/whcb-process.js";
import { replayKills } from "../support/replay/replay-kills.js";
import { seededRandom } from "../support/time/seeded-random.js";
import { expectReplayKillRules } from "./replay-kill-rules.js";

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
  const figures = await replayKills(home, { kills: 5, calls: 1_000, concurrency: CONCURRENCY, unit: () => random.fraction() });
  expectReplayKillRules(figures, CONCURRENCY);
  expect(figures.kills).toHaveLength(5);
});
