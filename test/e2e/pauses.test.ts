/** Processes that are stopped while endpoints answer; test/soak has the long run. WHCB_PAUSE_SEED repeats a run that failed. */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { pauseRun, stopFor } from "../support/process/pause-run.js";
import { SERVE } from "../support/process/run-figures.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";
import { replayPauses } from "../support/replay/replay-pauses.js";
import { seededRandom } from "../support/time/seeded-random.js";
import { expectRunRules } from "./kill-rules.js";

const SEED = Number(process.env.WHCB_PAUSE_SEED ?? Date.now() % 1_000_000);
const STOP_MS = 6_000;

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

it(`fails and repeats no call when the service is stopped for longer than connecting may take (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  const unit = () => random.fraction();
  expectRunRules(await pauseRun(home, { pauses: 2, pause: stopFor(STOP_MS), calls: 100, unit }), 0);
});

it("rejects and repeats no call when a replay is stopped", async () => {
  const { outcome, calls, received, failed, pauses } = await replayPauses(home, { pauses: 1, pauseMs: STOP_MS, calls: 60 });
  expect(pauses).toBe(1);
  expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/accepted +60\n +marked +60\n/) });
  expect(failed).toEqual([]);
  expect([...received].sort()).toEqual([...calls].sort());
});

it("still fails a connection that takes too long, by as much later as the service was stopped", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : address;
  const server = await home.serve(SERVE, { env: USER_ENV });
  const api = new ServedApi(server.url);
  const callback = await api.create({ name: "silent", url: `https://127.0.0.1:${port}/hook`, retriesEnabled: false });
  const connected = once(silent, "connection");
  await api.hand(callback, [callIdOf(1)]);
  await connected;
  await delay(500);
  await stopFor(STOP_MS)(server);
  const [call] = await eventually(
    () => api.list(callback, "FAILED"),
    ({ length }) => length > 0,
  );
  const attempts = await api.fetch(`/callbacks/${callback}/calls/${call?.id}/attempts`);
  const { attempts: [attempt] = [] }: { attempts?: { statusMessage?: string; durationMs: number }[] } = JSON.parse(
    await attempts.text(),
  );
  expect(attempt).toMatchObject({ statusMessage: expect.stringContaining("TLS handshake within 5 s") });
  // A stop counts up to 50 ms too short.
  expect(attempt?.durationMs).toBeGreaterThan(5_000 + STOP_MS - 100);
  expect(attempt?.durationMs).toBeLessThan(5_000 + STOP_MS + 1_000);
  silent.close();
});
