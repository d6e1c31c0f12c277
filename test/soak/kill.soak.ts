/** The long run of test/e2e/kill.test.ts, by hand: `npm run soak:kill`. SOAK_KILLS and SOAK_SEED change it; the figures are printed. */
import { expect, it } from "vitest";
import { expectKillRules } from "../e2e/kill-rules.js";
import { killRun } from "../support/process/kill-run.js";
import { Home } from "../support/process/whcb-process.js";
import { seededRandom } from "../support/time/seeded-random.js";

const kills = Number(process.env.SOAK_KILLS ?? 40);
const seed = Number(process.env.SOAK_SEED ?? 1);

it(`survives ${kills} kills`, async () => {
  const home = new Home();
  try {
    const random = seededRandom(seed);
    const figures = await killRun(home, {
      kills,
      endpoints: ["ok", "ok", "slow", "flaky", "flaky", "down"],
      batch: 20,
      random,
    });
    const { endpoints, outageIds, mails, slowestRestartMs, sentAfterSuccess } = figures;
    const shown = {
      kills,
      seed,
      slowestRestartMs,
      outages: outageIds.length,
      mails: mails.length,
      sentAfterSuccess: sentAfterSuccess.length,
    };
    process.stdout.write(`${JSON.stringify({ ...shown, endpoints }, null, 2)}\n`);
    expectKillRules(figures);
    expect(figures.kills).toBe(kills);
  } finally {
    await home.leave();
  }
});
