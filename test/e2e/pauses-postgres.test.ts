/** A node that is stopped while endpoints answer; test/soak has the long run. WHCB_PAUSE_SEED repeats a run that failed. */
import { expect, it } from "vitest";
import { createDatabase } from "../support/postgres/databases.js";
import { pauseRun, stopFor } from "../support/process/pause-run.js";
import { Home } from "../support/process/whcb-process.js";
import { seededRandom } from "../support/time/seeded-random.js";
import { expectRunRules } from "./kill-rules.js";

const SEED = Number(process.env.WHCB_PAUSE_SEED ?? Date.now() % 1_000_000);

it(`fails and repeats no call when a node is stopped for less than its lease (seed ${SEED})`, async () => {
  const { url } = await createDatabase("pauses");
  const home = new Home();
  try {
    const random = seededRandom(SEED);
    const figures = await pauseRun(home, { pauses: 1, pause: stopFor(6_000), calls: 100, random, database: url });
    expectRunRules(figures, 0);
    expect(figures.mails).toEqual([]);
  } finally {
    await home.leave();
  }
});
