/** `whcb replay --failed`'s engine against a running service: the sending phase, journal on disk. */
import { userInfo } from "node:os";
import { ANY_ADDRESS } from "../../../src/delivery/address-rule.js";
import { createDeliverer } from "../../../src/delivery/undici-deliverer.js";
import { openHttpClient } from "../../../src/main/open-http-client.js";
import { systemClock } from "../../../src/platform/clock.js";
import { systemRandom } from "../../../src/platform/random.js";
import { systemTimers } from "../../../src/platform/running-timers.js";
import { planReplay } from "../../../src/runs/plan/plan-replay.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../src/runs/run-options.js";
import { runReplay } from "../../../src/runs/run-replay.js";
import { lockFile } from "../../../src/store/sqlite/lock-database.js";
import { contender, measureRate, type RateFigures } from "../run/contender.js";
import { CREDENTIALS } from "../run/service.js";

interface Options {
  readonly url: string;
  readonly runsDirectory: string;
  readonly count: number;
  readonly concurrency: number;
}

await contender<Options>(async ({ url, runsDirectory, count, concurrency }) => {
  const target = { kind: "http" as const, url, ...CREDENTIALS, rate: null, timezone: "UTC" };
  const deps = {
    client: await openHttpClient(target, {}),
    deliverer: createDeliverer({ clock: systemClock, timers: systemTimers, maxConnectionsPerOrigin: concurrency }),
    addressRule: ANY_ADDRESS,
    clock: systemClock,
    random: systemRandom,
    runsDirectory,
    profile: "bench",
    lockFile,
    who: userInfo().username,
  };
  const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, deps);
  let sending: Promise<RateFigures> | undefined;
  let accepted = 0;
  let onLastAccepted = () => {};
  const lastAccepted = new Promise<number>((resolve) => {
    onLastAccepted = () => resolve(count);
  });
  const { counts } = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, concurrency }, deps, (event) => {
    if (event.type === "started") sending = measureRate(() => lastAccepted);
    if (event.type !== "step" || event.step.step !== "accepted") return;
    accepted += 1;
    if (accepted === count) onLastAccepted();
  });
  if (sending === undefined || counts.accepted !== count) throw new Error(`${counts.accepted} of ${count} accepted`);
  return { ...(await sending) };
});
