/** This must hold for a replay however often it is killed (docs/cli.md). test/soak uses it too. */
import { expect } from "vitest";
import type { ReplayKillsFigures } from "../support/replay/replay-kills.js";

const sorted = (ids: readonly string[]): string[] => [...ids].sort();

export function expectReplayKillRules(figures: ReplayKillsFigures, concurrency: number): void {
  const { kills, unknown, finished, resentOutcome } = figures;
  expect({ sentTwice: figures.sentTwice, unmarked: figures.unmarked, unlisted: figures.unlisted }).toEqual({
    sentTwice: [],
    unmarked: [],
    unlisted: [],
  });
  for (const kill of kills) expect(kill.unknown).toBeLessThanOrEqual(concurrency);
  expect(sorted(figures.failedBefore)).toEqual(sorted(unknown));
  expect(finished.code, finished.stderr).toBe(unknown.length > 0 ? 8 : 0);
  // The first 20 are listed by id, with the command that resends them.
  for (const id of unknown.slice(0, 20)) expect(finished.stdout).toContain(id);
  if (unknown.length > 0) expect(finished.stdout).toContain("--resend-unknown");
  expect(sorted(figures.resent)).toEqual(sorted(unknown));
  expect(resentOutcome.code, resentOutcome.stderr).toBe(0);
  expect(figures.failedAfter).toEqual([]);
}
