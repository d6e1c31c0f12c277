import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Progress } from "../../../../src/cli/output/progress-line.js";
import { openScreen } from "../../../../src/cli/output/screen.js";
import { captureIo } from "../../../support/cli/cli-streams.js";
import { ManualTimers } from "../../../support/time/manual-timers.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

const NOON = Date.UTC(2026, 10, 29, 12);
const ANSWER = { for: "answer", from: "service", until: NOON + 60_000 } as const;

async function onStderr(isTerminal: boolean) {
  const captured = captureIo({ canAsk: isTerminal, env: { TERM: "xterm" } });
  const cursor = { cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
  const io = { ...captured, stderr: Object.assign(captured.stderr, isTerminal ? cursor : {}) };
  const screen = await openScreen(io, { format: undefined, noColor: true, utc: true, now: NOON });
  const clock = new VirtualClock(NOON);
  const timers = new ManualTimers();
  const progress = new Progress(io, screen, clock, timers);
  await progress.load();
  /** Lets so many seconds pass, one after the other. */
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1_000);
      timers.advance(1_000);
      await turn();
      await turn();
    }
  };
  return { io, progress, pass };
}

test("a step is shown on a terminal until it is cleared, and again after that, with escape sequences removed", async () => {
  const { io, progress } = await onStderr(true);
  progress.show("planning");
  expect(io.err()).toContain("planning");
  progress.clear();
  progress.show("3 of 10\u001b]0;title\u0007");
  progress.clear();
  expect(io.err()).toContain("3 of 10");
  expect(io.err()).not.toContain("\u001b]0;");
});

test("a terminal shows what is waited for after 2 s, until the wait ends", async () => {
  const { io, progress, pass } = await onStderr(true);
  const wait = progress.begin(ANSWER);
  await pass(1);
  expect(io.err()).toBe("");
  await pass(1);
  expect(io.err()).toContain("waiting for the service's answer since 12:00:00Z, until 12:01:00Z at most");
  wait.end();
  const before = io.err();
  await pass(10);
  expect(io.err().slice(before.length)).not.toContain("waiting");
});

test("without a terminal, what lasts is said after 2 s, and then at growing intervals", async () => {
  const { io, progress, pass } = await onStderr(false);
  progress.show("listing calls: 100");
  await pass(1);
  expect(io.err()).toBe("");
  await pass(1);
  progress.show("listing calls: 400");
  await pass(4);
  expect(io.err()).toBe("listing calls: 100\nlisting calls: 400\n");
  await pass(54);
  expect(io.err().split("\n")).toHaveLength(5);
  progress.clear();
  await pass(60);
  expect(io.err().split("\n")).toHaveLength(5);
});

test("without a terminal, a pause is said at once, with what can be done about it", async () => {
  const { io, progress, pass } = await onStderr(false);
  progress.advise("Ctrl-C stops");
  progress.show("sending: 4 of 10");
  await pass(20);
  const before = io.err();
  const wait = progress.begin({ for: "pause", from: "endpoint", until: NOON + 140_000, status: 503, retryAfterMs: 120_000 });
  await pass(1);
  const line =
    "sending: 4 of 10, the endpoint asks to wait until 12:02:20Z (503, Retry-After: 120), since 12:00:20Z; Ctrl-C stops\n";
  expect(io.err()).toBe(before + line);
  wait.end();
  progress.end();
});

test("requests that are repeated, or limited by the plan's rate, are said beside the step", async () => {
  const { io, progress, pass } = await onStderr(false);
  progress.show("marking: 1100 of 3000");
  const marking = progress.begin(ANSWER);
  await pass(1);
  const reason = "the connection was closed (ECONNRESET)";
  marking.change({ for: "retry", until: NOON + 10_000, reason, tried: 2, mostTries: 10 });
  await pass(1);
  marking.end();
  progress.clear();
  progress.show("reading failed calls: 1200 of 3000");
  progress.begin({ for: "rate", perSecond: 5 }).end();
  await pass(2);
  progress.end();
  expect(io.err().split("\n")).toEqual([
    `marking: 1100 of 3000, the service fails (${reason}); trying again in 8s (3 of 10), since 12:00:00Z`,
    "reading failed calls: 1200 of 3000 (limit of 5 requests a second)",
    "",
  ]);
});

test("nothing is shown during a question", async () => {
  const { io, progress, pass } = await onStderr(true);
  const wait = progress.begin(ANSWER);
  {
    using _held = progress.hold();
    await pass(5);
    expect(io.err()).toBe("");
  }
  await pass(1);
  expect(io.err()).toContain("waiting for the service's answer");
  wait.end();
});
