/** The disk under a replay's journal is full. */
import { statSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mayTroubleDisks, SmallDisk } from "../support/process/troubled-disk.js";
import { Home, type Outcome } from "../support/process/whcb-process.js";
import { newestJournal, type ReplayOutage, replayOutage } from "../support/replay/replay-outage.js";

const CONCURRENCY = 8;

let home: Home;
let outage: ReplayOutage;
const closing: (() => void)[] = [];

beforeEach(() => {
  home = new Home();
});

afterEach(async () => {
  await outage.close();
  for (const close of closing.splice(0)) close();
  await home.leave();
});

/** The run stopped in order: nothing is sent without its line, and what was accepted is marked at the service, written down or not. */
async function expectStop({ code, stdout, stderr }: Outcome, reason: RegExp): Promise<void> {
  expect(stderr).toMatch(/error: the run's journal can't be written: /);
  expect(stderr).toMatch(reason);
  expect(stderr).toMatch(/Free some space, then continue with `--resume`/);
  expect(code).toBe(5);
  expect(stdout).toMatch(/next, once the cause is gone: whcb replay --resume \S+\n$/);
  const sent = outage.received();
  expect(sent.length).toBeLessThan(outage.callIds.length);
  const failed = await outage.failedIds();
  expect(failed.filter((id) => sent.includes(id))).toEqual([]);
  // These were in flight, or in the group of outcomes whose write failed. All of them are marked, as the line above has it.
  expect(sent.filter((id) => !newestJournal(home)?.accepted.has(id)).length).toBeLessThanOrEqual(2 * CONCURRENCY);
}

/**
 * A call whose answer wasn't written down is SUCCESS by now, and isn't sent again. What stood in line behind it may have left as far as the
 * journal can tell, and is sent when that is asked for.
 */
async function expectEnd(): Promise<void> {
  await home.whcb(["replay", "--resume"]);
  const { code, stderr } = await home.whcb(["replay", "--resume", "--resend-unknown"]);
  expect(code, stderr).toBe(0);
  expect([...outage.received()].sort()).toEqual([...outage.callIds].sort());
  expect(await outage.failedIds()).toEqual([]);
}

const REPLAY = ["replay", "demo", "--failed", "--yes", "--concurrency", String(CONCURRENCY)];

describe.skipIf(!mayTroubleDisks)("a disk that fills up", () => {
  it("stops the sending and is reported; the run continues once there is space", async () => {
    const disk = SmallDisk.mount(home.path("data", "runs"), 4);
    closing.push(() => disk.unmount());
    outage = await replayOutage(home, 800, () => ({ status: 200, delayMs: 4 }));
    const replaying = home.start(REPLAY);
    await outage.hasReceived(300);
    disk.fill();
    await expectStop(await replaying.ended, /ENOSPC/);
    disk.free();
    await expectEnd();
  });

  it("prevents a run from beginning", async () => {
    const disk = SmallDisk.mount(home.path("data", "runs"), 1);
    closing.push(() => disk.unmount());
    outage = await replayOutage(home, 20);
    // The snapshot, the lock or the journal is the first that has no room.
    for (const blocks of [0, 1, 2]) {
      disk.free();
      disk.fill(blocks);
      const { code, stdout, stderr } = await home.whcb(REPLAY);
      expect({ blocks, code, stdout }, stderr).toEqual({ blocks, code: 5, stdout: "" });
      expect(stderr).toContain("ENOSPC");
      expect(stderr).not.toContain("--resume");
    }
    expect(outage.received()).toEqual([]);
    disk.free();
    expect((await home.whcb(REPLAY)).code).toBe(0);
    await expectEnd();
  });

  it("prevents a reconcile from beginning, as it does a replay", async () => {
    const disk = SmallDisk.mount(home.path("data", "runs"), 1);
    closing.push(() => disk.unmount());
    outage = await replayOutage(home, 60);
    writeFileSync(home.path("seen.txt"), `callid\n${outage.callIds[0]}\n`);
    const reconcile = ["reconcile", "demo", "--seen", home.path("seen.txt"), "--yes"];
    const reasons = new Set<string>();
    // The snapshot or the journal is the first that has no room: the lock is an empty file.
    for (const blocks of [0, 4, 9, 10]) {
      disk.free();
      disk.fill(blocks);
      const { code, stdout, stderr } = await home.whcb(reconcile);
      expect({ blocks, code, stdout }, stderr).toEqual({ blocks, code: 5, stdout: "" });
      reasons.add(/error: (.*): ENOSPC/.exec(stderr)?.[1] ?? stderr);
    }
    expect([...reasons]).toEqual(["the snapshot of the calls can't be written", "the run's journal can't be written"]);
    expect(outage.received()).toEqual([]);
    expect((await outage.failedIds()).length).toBe(60);
    disk.free();
    expect((await home.whcb(reconcile)).code).toBe(0);
    expect(outage.received().length).toBe(59);
  });
});

describe("a journal that can't grow", () => {
  it("stops the sending and is reported; the run can be resumed", async () => {
    outage = await replayOutage(home, 600, () => ({ status: 200, delayMs: 4 }));
    const replaying = home.start(REPLAY);
    await outage.hasReceived(450);
    replaying.child.kill("SIGINT");
    expect((await replaying.ended).code).toBe(130);
    const { size } = statSync(home.path("data", "runs", `${newestJournal(home)?.runId}.ndjson`));
    const limited = await home.whcb(["replay", "--resume"], { longestFileKiB: Math.ceil(size / 1_024) + 8 });
    await expectStop(limited, /EFBIG/);
    await expectEnd();
  });
});
