/** test/e2e runs it in a terminal. */
import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import { enterFullScreen } from "../../../src/platform/full-screen.js";

function aProcess(platform: NodeJS.Platform) {
  const signals: unknown[] = [];
  const stdin = { setRawMode: () => undefined };
  const stdout = Object.assign(new EventEmitter(), { rows: 24, columns: 80, write: () => true });
  const kill = (...sent: unknown[]) => signals.push(sent);
  return { process: Object.assign(new EventEmitter(), { platform, pid: 1, stdin, stdout, kill }), signals };
}

it.each([
  ["linux", [[0, "SIGTSTP"]]],
  ["win32", []],
] as const)("Ctrl-Z sends a stop where the system has one: %s", (platform, expected) => {
  const { process, signals } = aProcess(platform);
  const screen = enterFullScreen(process as unknown as NodeJS.Process);
  screen.suspend();
  screen.leave();
  expect(signals).toEqual(expected);
});
