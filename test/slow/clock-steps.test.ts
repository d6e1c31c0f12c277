/** The wall clock of `whcb serve` is set while a run sends, or asks: what it has in flight isn't sent by another, and its list isn't outdated. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { apiOf } from "../support/process/served-api.js";
import { steppingClock } from "../support/process/stepping-clock.js";
import { ENTER, Terminal } from "../support/process/terminal.js";
import { eventually, Home } from "../support/process/whcb-process.js";
import { countingEndpoint } from "../support/replay/replay-desk.js";
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

it.each([
  { command: ["mark-success", "demo", "--failed"], keys: "" },
  { command: ["triage", "demo"], keys: "m" },
])(
  "what is retried after the clock was set back isn't marked by the answer to a question of before ($command)",
  async ({ command, keys }) => {
    const endpoint = await countingEndpoint(() => ({ status: 503 }));
    const flags = [...OUTAGE_SERVICE, "--retry-interval", "2s"];
    const serving = await home.serve(flags, { env: steppingClock(0, -3_600_000) });
    const api = apiOf(home);
    await api.create({ name: "demo", url: endpoint.url });
    await api.hand("demo", ["A"]);
    const attempts = async () => (await api.list("demo", "FAILED"))[0]?.attemptCount ?? 0;
    await eventually(attempts, (made) => made > 0);
    const terminal = Terminal.whcb(home, command, { columns: 150, rows: 30 });
    if (keys !== "") await terminal.shows(/> +1 {2}503/);
    terminal.type(keys);
    await terminal.shows("Mark 1 call SUCCESS? [y/N]");
    serving.child.kill("SIGUSR2");
    const before = await attempts();
    await eventually(attempts, (made) => made > before + 1, 30_000);
    terminal.type(`y${ENTER}`);
    await terminal.shows("1 call left as it is, as it became FAILED or was sent again since");
    expect(await api.count("demo", "FAILED")).toBe(1);
    await endpoint.close();
  },
);
