/** What must hold after nodes were killed and paused: docs/dispatcher.md. Also used by test/soak. */
import { expect } from "vitest";
import type { TakeOver } from "../support/process/node-incidents.js";
import type { NodesFigures } from "../support/process/nodes-run.js";
import { MOST_REPEATS_A_KILL } from "./kill-rules.js";

const LONGEST_TAKE_OVER_MS = 20_000;

export function expectTakeOverRules(figures: NodesFigures, takeOvers: readonly TakeOver[]): void {
  expectNodesRules(figures, takeOvers.length * MOST_REPEATS_A_KILL);
  for (const { ms } of takeOvers) expect(ms).toBeLessThan(LONGEST_TAKE_OVER_MS);
}

/** `most`: calls of an endpoint that may have been sent again. */
export function expectNodesRules({ endpoints, mails, outageIds, wrongTimes, stderr }: NodesFigures, most: number): void {
  for (const endpoint of endpoints) {
    expect(endpoint.accepted).toBeGreaterThan(0);
    expect(endpoint).toMatchObject({ lost: [], pending: 0, counted: endpoint.rows, notified: endpoint.outages });
    expect(endpoint.repeats).toBeLessThanOrEqual(most);
    expect(endpoint.unrecorded).toBeGreaterThanOrEqual(0);
    expect(endpoint.unrecorded).toBeLessThanOrEqual(most);
    if (endpoint.kind === "ok" || endpoint.kind === "slow") expect(endpoint).toMatchObject({ failed: 0, outages: 0 });
    if (endpoint.kind === "down") expect(endpoint).toMatchObject({ delivered: 0, outages: 1 });
  }
  expect([...mails].sort()).toEqual(outageIds.map((id) => `outage-${id}.eml`).sort());
  expect(wrongTimes).toBe(0);
  expect(stderr).not.toMatch(/correct horse|an-api-key-of-the-tests|key-of-the-callback|a secret of the tests/);
}
