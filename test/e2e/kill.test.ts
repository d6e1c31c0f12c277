/** kill -9 under load; test/soak has the long run. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { killRun } from "../support/process/kill-run.js";
import { Home } from "../support/process/whcb-process.js";
import { seededRandom } from "../support/time/seeded-random.js";
import { expectKillRules } from "./kill-rules.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

it("loses nothing, repeats little and writes one e-mail per outage when it is killed again and again", async () => {
  const random = seededRandom(4);
  const figures = await killRun(home, { kills: 3, endpoints: ["ok", "flaky", "down"], batch: 10, random });
  expectKillRules(figures);
  expect(figures.kills).toBe(3);
});
