/**
 * What a replay takes of memory, by hand: `npm run soak:replay-memory`. SOAK_CALLS changes how many calls the long one has; the figures are
 * printed. Its heap is held to 64 MiB, of which the ids of 100 000 calls are about ten: bodies, outcomes and journal stay on disk.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Home, type Running } from "../support/process/whcb-process.js";
import { newestJournal, replayOutage } from "../support/replay/replay-outage.js";

const calls = Number(process.env.SOAK_CALLS ?? 100_000);
const SMALL_HEAP = { env: { NODE_OPTIONS: "--max-old-space-size=64" } };

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

/** The most memory that the process had at once, in MiB, once it has ended well. */
async function peakOf(running: Running, wanted: number): Promise<number> {
  let peak = 0;
  for (let hasEnded = false; !hasEnded; ) {
    try {
      peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${running.child.pid}/status`, "utf8"))?.[1] ?? peak);
    } catch {
      // It ends just now.
    }
    hasEnded = await Promise.race([running.ended.then(() => true), delay(50, false)]);
  }
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(wanted);
  return Math.round(peak / 1_024);
}

it(`replays ${calls} calls in the memory that a tenth of them takes, cut in the middle or not`, async () => {
  const peaks: Record<string, number> = {};
  for (const count of [calls / 10, calls]) {
    const outage = await replayOutage(home, count);
    peaks[`replay of ${count}`] = await peakOf(home.start(["replay", "demo", "--failed", "--yes"], SMALL_HEAP), 0);
    expect(outage.received().length).toBe(count);
    await outage.close();
    await home.leave();
    home = new Home();
  }
  const outage = await replayOutage(home, calls);
  const cut = home.start(["replay", "demo", "--failed", "--yes"], SMALL_HEAP);
  await outage.hasReceived(calls / 2);
  cut.child.kill("SIGINT");
  peaks["cut in the middle"] = await peakOf(cut, 130);
  peaks.resumed = await peakOf(home.start(["replay", "--resume"], SMALL_HEAP), 0);
  expect(new Set(outage.received()).size).toBe(calls);
  expect(outage.received().length).toBe(calls);
  expect(newestJournal(home)?.marked.size).toBe(calls);
  await outage.close();
  process.stdout.write(`peaks in MiB: ${JSON.stringify(peaks)}\n`);
});
