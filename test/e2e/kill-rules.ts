/** What must hold after any number of kills: docs/dispatcher.md. Also used by test/soak. */
import { expect } from "vitest";
import type { KillFigures } from "../support/process/kill-run.js";
import type { RunFigures } from "../support/process/run-figures.js";

/** A kill may make what is in flight at an endpoint, and one group of outcomes, be sent again. */
export const MOST_REPEATS_A_KILL = 64 + 512;

export function expectKillRules({ kills, sentAfterSuccess, slowestRestartMs, ...figures }: KillFigures): void {
  expectRunRules(figures, kills * MOST_REPEATS_A_KILL);
  expect(sentAfterSuccess).toEqual([]);
  // A lease that outlives the process would hold the calls back for longer than this.
  expect(slowestRestartMs).toBeLessThan(10_000);
}

/** At most `most` calls of an endpoint may have been sent again. */
export function expectRunRules({ endpoints, mails, outageIds, stderr }: RunFigures, most: number): void {
  for (const endpoint of endpoints) {
    expect(endpoint.accepted).toBeGreaterThan(0);
    expect(endpoint).toMatchObject({ lost: [], pending: 0, counted: endpoint.rows, notified: endpoint.outages });
    expect(endpoint.repeats).toBeLessThanOrEqual(most);
    expect(endpoint.unrecorded).toBeGreaterThanOrEqual(0);
    expect(endpoint.unrecorded).toBeLessThanOrEqual(most);
    if (endpoint.kind !== "flaky" && endpoint.kind !== "down") expect(endpoint).toMatchObject({ failed: 0, outages: 0 });
    // The endpoint that is never up has one outage, however often the service starts: one window is longer than this test.
    if (endpoint.kind === "down") expect(endpoint).toMatchObject({ delivered: 0, outages: 1 });
  }
  expect([...mails].sort()).toEqual(outageIds.map((id) => `outage-${id}.eml`).sort());
  expect(stderr).not.toMatch(/correct horse|an-api-key-of-the-tests|key-of-the-callback|a secret of the tests/);
}
