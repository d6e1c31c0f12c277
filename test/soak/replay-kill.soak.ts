/** The long run of test/slow/replay-kill.test.ts, by hand: `npm run soak:replay`. SOAK_KILLS, SOAK_CALLS and SOAK_SEED change it; the figures are printed. */

import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { expectReplayKillRules } from "../e2e/replay-kill-rules.js";
import { Home } from "../support/process/whcb-process.js";
import { replayKills, unknownCalls } from "../support/replay/replay-kills.js";
import { newestJournal, replayOutage } from "../support/replay/replay-outage.js";
import { seededRandom } from "../support/time/seeded-random.js";

const kills = Number(process.env.SOAK_KILLS ?? 20);
const calls = Number(process.env.SOAK_CALLS ?? 5_000);
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000);
const concurrency = 8;

it(`replays ${calls} calls through ${kills} kills (seed ${seed})`, async () => {
  const home = new Home();
  try {
    const random = seededRandom(seed);
    const figures = await replayKills(home, { kills, calls, concurrency, random });
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

it(`sends ${calls} calls through ${kills} kills of two competing replays, none twice but unknown ones (seed ${seed})`, async () => {
  const home = new Home();
  const random = seededRandom(seed);
  const outage = await replayOutage(home, calls, () => ({ status: 200, delayMs: random.fraction() * 4 }));
  try {
    const unknown = new Set<string>();
    const another = ["replay", "demo", "--failed", "--yes", "--concurrency", String(concurrency)];
    const perKill = Math.floor((0.9 * calls) / kills);
    for (let kill = 1; kill <= kills; kill++) {
      const run = newestJournal(home)?.runId;
      // Both as in two terminals: two new runs, a new one beside a resumed one, the same one resumed twice.
      const resume = ["replay", "--resume", run ?? ""];
      const pair = run === undefined ? [another, another] : [resume, kill % 2 === 0 ? resume : [...another, "--wait"]];
      const two = pair.map((args) => home.start(args));
      const ended = Promise.all(two.map((each) => each.ended));
      await Promise.race([outage.hasReceived(outage.received().length + 1 + Math.floor(random.fraction() * perKill)), ended]);
      await delay(random.fraction() * 40);
      await Promise.all(two.map((each) => each.stop("SIGKILL")));
      const journal = newestJournal(home);
      if (journal !== null) for (const id of await unknownCalls(home, journal.runId)) unknown.add(id);
    }
    const finished = await home.whcb(["replay", "--resume"]);
    const listed = await unknownCalls(home, newestJournal(home)?.runId ?? "");
    const failed = await outage.failedIds();
    const received = outage.received();
    const twice = received.filter((id, at) => received.indexOf(id) !== at);
    const unlisted = failed.filter((id) => !listed.includes(id));
    const figures = { received: received.length, twice: twice.length, unknown: unknown.size, failed: failed.length };
    process.stdout.write(`${JSON.stringify({ seed, calls, kills, ...figures, unlisted: unlisted.length })}\n`);
    expect(twice.filter((id) => !unknown.has(id))).toEqual([]);
    expect([unlisted, finished.code]).toEqual([[], failed.length === 0 ? 0 : 8]);
    expect(new Set(received).size + failed.filter((id) => !received.includes(id)).length).toBe(calls);
  } finally {
    await outage.close();
    await home.leave();
  }
});
