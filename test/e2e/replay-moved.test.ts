/** `whcb callbacks update --url` comes while `whcb replay` sends. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { Home } from "../support/process/whcb-process.js";
import { countingEndpoint } from "../support/replay/replay-desk.js";
import { replayOutage, works } from "../support/replay/replay-outage.js";

const CALLS = 12;

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

it("stops; what is sent or accepted after the change is neither at the old URL nor marked, until the user says so", async () => {
  const outage = await replayOutage(home, CALLS);
  const moved = await countingEndpoint();
  try {
    const replaying = home.start(["replay", "demo", "--failed", "--yes", "--rate", "2/s"]);
    await outage.hasReceived(2);
    await works(home, ["callbacks", "update", "demo", "--url", moved.url]);
    const changed = outage.received().length;
    const { code, stderr } = await replaying.ended;
    expect([code, stderr]).toEqual([
      8,
      expect.stringContaining("error: demo was changed during the run, so the rest was neither sent nor marked"),
    ]);
    const received = outage.received();
    // The change is noticed with the next marks, which wait for a second at most.
    expect(received.length).toBeLessThanOrEqual(changed + 4);
    const failed = await outage.failedIds();
    const marked = received.filter((id) => !failed.includes(id));
    expect(marked.length).toBeLessThanOrEqual(changed);
    expect(moved.received).toEqual([]);

    const asked = await home.whcb(["replay", "--resume"]);
    expect([asked.code, asked.stderr]).toEqual([
      2,
      expect.stringMatching(
        /^The URL has changed since the run began\.\ndemo: http.*\nnot marked yet: \d+ calls? that the URL before accepted\nMark SUCCESS what was accepted and send the rest of the run there\?/,
      ),
    ]);
    const [, run = ""] = /--resume (\S+) /.exec(asked.stderr) ?? [];
    await works(home, ["replay", "--resume", run, "--yes"]);
    expect(await outage.failedIds()).toEqual([]);
    expect([...received, ...moved.received].sort()).toEqual([...outage.callIds].sort());
  } finally {
    await moved.close();
    await outage.close();
  }
});
