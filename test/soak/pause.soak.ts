/**
 * The long run of test/slow/pauses.test.ts, by hand: `npm run soak:pause`. SOAK_SEED changes it; the figures are printed. Needs a C compiler
 * for the disk that doesn't answer.
 */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { expectRunRules } from "../e2e/kill-rules.js";
import { type PauseRunOptions, pauseRun, stopFor } from "../support/process/pause-run.js";
import { SERVE, startReceiver } from "../support/process/run-figures.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";
import { replayPauses } from "../support/replay/replay-pauses.js";
import { seededRandom } from "../support/time/seeded-random.js";

const seed = Number(process.env.SOAK_SEED ?? 1);
const random = seededRandom(seed);

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

async function expectNoFailure(options: Pick<PauseRunOptions, "pauses" | "pause" | "env">): Promise<void> {
  const figures = await pauseRun(home, { ...options, calls: 132, random });
  process.stdout.write(`${JSON.stringify({ seed, ...figures }, null, 2)}\n`);
  expectRunRules(figures, 0);
}

it("stopped for 6 s, 8 times", () => expectNoFailure({ pauses: 8, pause: stopFor(6_000) }));

it("stopped for 63 s", () => expectNoFailure({ pauses: 1, pause: stopFor(63_000) }));

it("a disk that doesn't answer for 6 s, 5 times", async () => {
  const library = home.path("slow-sync.so");
  const source = join(import.meta.dirname, "..", "support", "process", "slow-sync.c");
  execFileSync("cc", ["-shared", "-fPIC", "-o", library, source, "-ldl"]);
  const trigger = home.path("slow");
  await expectNoFailure({
    pauses: 5,
    env: { LD_PRELOAD: library, SLOW_SYNC: trigger, SLOW_SYNC_MS: "6000" },
    async pause() {
      writeFileSync(trigger, "");
      await eventually(
        async () => existsSync(trigger),
        (isWaiting) => !isWaiting,
      );
      await delay(6_000);
    },
  });
});

it.each([
  [8, 6_000],
  [1, 63_000],
])("a replay stopped %d times for %d ms", async (pauses, pauseMs) => {
  const { outcome, calls, received, failed, ...figures } = await replayPauses(home, { pauses, pauseMs, calls: 400 });
  process.stdout.write(`${JSON.stringify({ ...figures, received: received.length, failed }, null, 2)}\n${outcome.stdout}`);
  expect(figures.pauses).toBe(pauses);
  expect(outcome.code).toBe(0);
  expect(failed).toEqual([]);
  expect([...received].sort()).toEqual([...calls].sort());
});

it("an endpoint that doesn't answer fails later by the time for which the service was stopped", async () => {
  const receiver = await startReceiver(home.path("requests"));
  const server = await home.serve(SERVE, { env: USER_ENV });
  const api = new ServedApi(server.url);
  const callback = await api.create({ name: "hanging", url: `${receiver.url}/hang/0`, retriesEnabled: false });
  await api.hand(callback, [callIdOf(1)]);
  for (let stops = 0; stops < 4; stops += 1) {
    await delay(10_000);
    await stopFor(6_000)(server);
  }
  const [call] = await eventually(
    () => api.list(callback, "FAILED"),
    ({ length }) => length > 0,
  );
  const answer = await api.fetch(`/callbacks/${callback}/calls/${call?.id}/attempts`);
  const { attempts: [attempt] = [] }: { attempts?: { durationMs: number }[] } = JSON.parse(await answer.text());
  process.stdout.write(`${JSON.stringify(attempt)}\n`);
  receiver.stop();
  expect(attempt?.durationMs).toBeGreaterThan(84_000 - 200);
  expect(attempt?.durationMs).toBeLessThan(85_000);
});
