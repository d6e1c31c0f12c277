/** The long run of test/e2e/replay-kill.test.ts, by hand: `npm run soak:replay`. SOAK_KILLS, SOAK_CALLS and SOAK_SEED change it; the figures are printed. */
import { expect, it } from "vitest";
import { expectReplayKillRules } from "../e2e/replay-kill-rules.js";
import { Home } from "../support/process/whcb-process.js";
import { replayKills } from "../support/replay/replay-kills.js";
import { seededRandom } from "../support/time/seeded-random.js";

const kills = Number(process.env.SOAK_KILLS ?? 20);
const calls = Number(process.env.SOAK_CALLS ?? 5_000);
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000);
const concurrency = 8;

it(`replays ${calls} calls through ${kills} kills (seed ${seed})`, async () => {
  const home = new Home();
  try {
    const random = seededRandom(seed);
    const figures = await replayKills(home, { kills, calls, concurrency, unit: () => random.fraction() });
    const { unknown, sentTwice, unmarked, unlisted, resent, failedBefore, failedAfter } = figures;
    const counted = { unknown, sentTwice, unmarked, unlisted, failedBefore, resent, failedAfter };
    const shown = Object.fromEntries(Object.entries(counted).map(([name, ids]) => [name, ids.length]));
    process.stdout.write(
      `${JSON.stringify({ seed, calls, ...shown })}\n${figures.kills.map((kill) => JSON.stringify(kill)).join("\n")}\n`,
    );
    expectReplayKillRules(figures, concurrency);
    expect(figures.kills).toHaveLength(kills);
  } finally {
    await home.leave();
  }
});
