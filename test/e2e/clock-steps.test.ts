/** The wall clock of `whcb serve` is set while a run sends: what the run has in flight isn't sent by another. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { steppingClock } from "../support/process/stepping-clock.js";
import { Home } from "../support/process/whcb-process.js";
import { OUTAGE_SERVICE, replayOutage } from "../support/replay/replay-outage.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

it.each([
  ["forward", 60_000],
  ["back", -61_000],
])("a second run stays locked out when the clock is set %s by a minute", async (_, stepMs) => {
  let answer: () => void = () => undefined;
  const after = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const serving = await home.serve(OUTAGE_SERVICE, { env: steppingClock(0, stepMs) });
  const outage = await replayOutage(home, 3, () => ({ status: 200, after }), { isServed: true });
  const first = home.start(["replay", "demo", "--failed", "--yes"]);
  await outage.hasReceived(1);
  serving.child.kill("SIGUSR2");
  const other = await home.whcb(["replay", "demo", "--failed", "--yes"], { env: { WHCB_DATA_DIR: home.path("other") } });
  answer();
  expect([other.code, other.stderr]).toEqual([5, expect.stringContaining("another run is working on the calls of demo")]);
  expect(await first.ended).toMatchObject({ code: 0 });
  expect(outage.received().toSorted()).toEqual(outage.callIds.toSorted());
  await outage.close();
});
