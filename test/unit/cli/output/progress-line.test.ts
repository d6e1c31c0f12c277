import { expect, test } from "vitest";
import { openProgress } from "../../../../src/cli/output/progress-line.js";
import { openScreen } from "../../../../src/cli/output/screen.js";
import { captureIo } from "../../../support/cli/cli-streams.js";
import { cliDeps, newCliWorld } from "../../../support/cli/run-cli.js";

async function onStderr(isTerminal: boolean) {
  const captured = captureIo({ canAsk: isTerminal, env: { TERM: "xterm" } });
  const cursor = { cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
  const io = { ...captured, stderr: Object.assign(captured.stderr, isTerminal ? cursor : {}) };
  const screen = await openScreen(io, { format: undefined, noColor: true, utc: false, now: 0 });
  return { io, progress: await openProgress({ screen, deps: cliDeps(newCliWorld(), io) }, "planning") };
}

test("progress is shown on a terminal until it is cleared, and again after that, with escape sequences removed", async () => {
  const { io, progress } = await onStderr(true);
  expect(io.err()).toContain("planning");
  progress.clear();
  progress.show("3 of 10\u001b]0;title\u0007");
  progress.clear();
  expect(io.err()).toContain("3 of 10");
  expect(io.err()).not.toContain("\u001b]0;");
});

test("no progress is shown where stderr isn't a terminal", async () => {
  const { io, progress } = await onStderr(false);
  progress.show("3 of 10");
  progress.clear();
  expect(io.err()).toBe("");
});
