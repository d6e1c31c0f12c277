/** Ctrl-C comes in the middle of a replay: once, twice, and while the service has asked for a pause. */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startFaultProxy } from "../support/client/fault-proxy.js";
import { Terminal } from "../support/process/terminal.js";
import { eventually, Home } from "../support/process/whcb-process.js";
import { idsOf, newestJournal, type ReplayOutage, replayOutage, works } from "../support/replay/replay-outage.js";

const CALLS = 200;

let home: Home;
let outage: ReplayOutage;
let delayMs: number;

beforeEach(async () => {
  home = new Home();
  delayMs = 25;
  outage = await replayOutage(home, CALLS, () => ({ status: 200, delayMs }));
});

afterEach(async () => {
  await outage.close();
  await home.leave();
});

const sorted = (ids: Iterable<string>): string[] => [...ids].sort();

it("Ctrl-C finishes and marks the calls in flight, exits 130 and says how to continue", async () => {
  const replaying = home.start(["replay", "demo", "--failed", "--yes", "--concurrency", "4"]);
  await outage.hasReceived(30);
  replaying.child.kill("SIGINT");
  const { code, stdout, stderr } = await replaying.ended;
  expect(code, stderr).toBe(130);
  expect(stderr).toContain(
    "stopping: requests in flight finish (1m at most) and are marked (10s more, then they are left for --resume); press Ctrl-C again to stop at once\n",
  );
  const sent = outage.received();
  expect(sent.length).toBeGreaterThanOrEqual(30);
  expect(sent.length).toBeLessThan(CALLS);
  // Each call that arrived is accepted, journaled and marked; the others are as they were.
  const journal = newestJournal(home);
  expect([sorted(journal?.accepted ?? []), sorted(journal?.marked ?? [])]).toEqual([sorted(sent), sorted(sent)]);
  expect(sorted(await outage.failedIds())).toEqual(sorted(outage.callIds.filter((id) => !sent.includes(id))));
  const resume = /next: whcb (replay --resume \S+)\n$/.exec(stdout)?.[1] ?? "";
  expect(resume).toBe(`replay --resume ${journal?.runId}`);

  delayMs = 0;
  expect(await home.whcb(resume.split(" "))).toMatchObject({ code: 0 });
  expect(sorted(outage.received())).toEqual(sorted(outage.callIds));
  expect(await outage.failedIds()).toEqual([]);
});

it("a terminal that is closed does the same", async () => {
  const terminal = Terminal.whcb(home, ["replay", "demo", "--failed", "--yes", "--concurrency", "4"]);
  await outage.hasReceived(30);
  const pid = await terminal.pid();
  terminal.hangUp();
  // The shell repeats the signal.
  await delay(100);
  process.kill(pid, "SIGHUP");
  // The run has its lock until the process ends, a moment after the journal.
  await eventually(
    async () => JSON.parse(await works(home, ["runs", "list", "-o", "json"])),
    ([run]) => run.state === "unfinished",
  );
  const journal = newestJournal(home);
  const sent = outage.received();
  expect(sent.length).toBeLessThan(CALLS);
  expect([sorted(journal?.accepted ?? []), sorted(journal?.marked ?? [])]).toEqual([sorted(sent), sorted(sent)]);

  delayMs = 0;
  await works(home, ["replay", "--resume"]);
  expect(sorted(outage.received())).toEqual(sorted(outage.callIds));
});

it("a second Ctrl-C stops at once; the calls in flight are unknown, and repeated only if asked for", async () => {
  const replaying = home.start(["replay", "demo", "--failed", "--yes", "--concurrency", "4"]);
  await outage.hasReceived(30);
  // No answer comes any more while this test lasts.
  delayMs = 600_000;
  const before = outage.received().length;
  await outage.hasReceived(before + 4);
  replaying.child.kill("SIGINT");
  await replaying.says(/stopping/);
  // Sooner than 50 ms it is taken for the first one's echo through npx.
  await delay(100);
  replaying.child.kill("SIGINT");
  expect((await replaying.ended).code).toBe(130);

  delayMs = 0;
  const sent = outage.received();
  const { stdout, code } = await home.whcb(["replay", "--resume"]);
  expect(code).toBe(8);
  const unknown = sent.filter((id) => !newestJournal(home)?.accepted.has(id));
  expect(unknown.length).toBe(4);
  for (const id of unknown) expect(stdout).toContain(id);
  expect(stdout).toMatch(/^next, if your receiver doesn't have them: whcb replay --resume \S+ --resend-unknown$/m);
  expect(sorted(outage.received())).toEqual(sorted(outage.callIds));
  expect(sorted(await idsOf(home, ["calls", "list", "demo", "--failed"]))).toEqual(sorted(unknown));
  await works(home, ["replay", "--resume", "--resend-unknown"]);
  expect(sorted(outage.received())).toEqual(sorted([...outage.callIds, ...unknown]));
  expect(await outage.failedIds()).toEqual([]);
});

it("says until when marks wait for the service's pause, and Ctrl-C ends the wait", async () => {
  delayMs = 0;
  const { profiles } = JSON.parse(readFileSync(home.path("config", "config.json"), "utf8"));
  const { url, username, password, apiKey } = profiles.local;
  let pause: number | null = 5_400;
  const proxy = await startFaultProxy({ target: url, seed: 1, share: 0, markPause: () => pause });
  await home.countAsServed(proxy.url);
  try {
    const env = { WHCB_URL: proxy.url, WHCB_USERNAME: username, WHCB_PASSWORD: password, WHCB_API_KEY: apiKey };
    const startedAt = Date.now();
    const replaying = home.start(["replay", "demo", "--failed", "--yes", "--utc"], { env });
    const says = /, the service asks to wait until (.+) \(Retry-After: 5400\), since \S+; Ctrl-C stops, `whcb (.+)` continues$/m;
    const [, time = "", command = ""] = await replaying.says(says);
    const until = time.includes(" ") ? time : `${new Date(startedAt).toISOString().slice(0, 10)} ${time}`;
    // Whole seconds are shown.
    expect(Date.parse(until)).toBeGreaterThanOrEqual(startedAt + 5_399_000);
    expect(Date.parse(until)).toBeLessThanOrEqual(Date.now() + 5_400_000);
    expect(command).toBe(`replay --resume ${newestJournal(home)?.runId} --service ${proxy.url}`);
    const stopped = await replaying.stop("SIGINT");
    expect([stopped.code, stopped.stdout]).toEqual([130, expect.stringContaining(`next: whcb ${command}`)]);

    pause = null;
    expect(await home.whcb(command.split(" "), { env })).toMatchObject({ code: 0 });
    expect(sorted(outage.received())).toEqual(sorted(outage.callIds));
    expect(await outage.failedIds()).toEqual([]);
  } finally {
    await proxy.close();
  }
});
