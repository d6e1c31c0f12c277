import { expect, it } from "vitest";
import { readCallbackState } from "../../../../../src/cli/commands/status/callback-state.js";
import type { Client } from "../../../../../src/client/client.js";
import type { GroupPart } from "../../../../../src/client/group-requests.js";
import { aListedCall, aListedCallback } from "../../../../support/cli/listed.js";

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 24, 12, 30);
const NOON = NOW - HOUR / 2;

const read = (client: object, isOurs: boolean, shown: unknown[] = []) =>
  readCallbackState(
    { listOutages: async () => [], capabilities: { has: () => isOurs, lacks: () => false }, ...client } as unknown as Client,
    aListedCallback(),
    NOW,
    (figures, total) => shown.push([figures.statusCodes, total]),
  );

it("has a service that groups count its calls, in whole hours", async () => {
  const part = (statusCode: number | null, reason: string, hour: number, count: number): GroupPart => ({
    groups: [
      { values: { statusCode, reason, hour }, count, firstAttemptedAt: hour + 1, lastAttemptedAt: hour + 2, exampleId: null },
    ],
    leftOut: 0,
    total: 60_000,
    retried: { calls: count, nextAt: NOW + count, until: NOW - count },
  });
  async function* groupCalls() {
    yield part(503, "Busy", NOON, 50_000);
    yield part(null, "response-timeout", NOON - 23 * HOUR, 5_000);
    yield part(null, "reset", NOON - 23 * HOUR, 1_000);
    yield part(null, "not-sent", NOON - 24 * HOUR, 4_000);
    // These are messages of answers, which a service of an earlier version doesn't quote.
    yield part(422, "not-sent", NOON - 24 * HOUR, 2);
    yield part(422, "response-timeout", NOON - 24 * HOUR, 1);
    yield part(504, "Gateway Timeout", NOON - 24 * HOUR, 1);
  }
  const { callback: _, ...state } = await read({ groupCalls }, true);
  expect(state).toEqual({
    ...{ failed: 60_004, looked: 60_004, isCut: false, isAtLeast: false, uncounted: null, outages: [] },
    statusCodes: [
      { statusCode: 503, calls: 50_000 },
      { statusCode: null, calls: 10_000 },
      { statusCode: 422, calls: 3 },
      { statusCode: 504, calls: 1 },
    ],
    ...{ unsent: 4_000, openEnds: 6_001 },
    byHour: [6_000, ...Array(22).fill(0), 50_000],
    oldestAttemptAt: NOON - 24 * HOUR + 1,
    newestAttemptAt: NOON + 2,
    retried: { calls: 60_004, nextAt: NOW + 1, until: NOW - 1 },
  });
});

it("shows what it has counted so far of the list of another service", async () => {
  const page = (...statusCodes: readonly number[]) => ({
    calls: statusCodes.map((statusCode) => aListedCall({ statusCode, attemptedAt: NOW })),
    ...{ withoutId: [], leftOut: 0, unclear: 0, total: 3 },
  });
  async function* listCalls() {
    yield page(503, 503);
    yield page(422);
  }
  const shown: unknown[] = [];
  expect(await read({ listCalls }, false, shown)).toMatchObject({ failed: 3, retried: null });
  const busy = { statusCode: 503, calls: 2 };
  expect(shown).toEqual([
    [[busy], 3],
    [[busy, { statusCode: 422, calls: 1 }], 3],
  ]);
});
