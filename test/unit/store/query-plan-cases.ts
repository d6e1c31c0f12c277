/** The tests of plans on SQLite and PostgreSQL share these queries of the dispatcher and of the usual lists. */
import { expect, it } from "vitest";
import type { CallFilter } from "../../../src/domain/call-filter.js";
import { systemClock } from "../../../src/platform/clock.js";
import { switchRetriesOn } from "../../../src/store/callbacks/callbacks.js";
import { queueStore } from "../../../src/store/calls/fetch-calls.js";
import { callSearch } from "../../../src/store/calls/find-calls.js";
import { callLists } from "../../../src/store/calls/list-calls.js";
import { callMarks } from "../../../src/store/calls/mark-calls.js";
import { replayStore } from "../../../src/store/calls/replays.js";
import { mailStore } from "../../../src/store/outcomes/mails.js";
import { readOldestAcceptance, readOldestWaiting } from "../../../src/store/outcomes/oldest-waiting.js";
import { outageStore } from "../../../src/store/outcomes/outages.js";
import type { Db } from "../../../src/store/schema.js";
import { DAY, NOW, POLICY, query } from "../../contract/store-support.js";

/** It reads the first callback, with the replay R that is running. */
export const READ = { callbackId: "CB1", limit: 512 };
export const OTHER = { callbackId: "CB50", limit: 16 };
const A_CANCEL = { replayId: "R", now: NOW, policy: POLICY, random: 0, begunCalls: () => new Set<number>() };

export type PlannedQuery = readonly [name: string, index: string, work: (db: Db) => Promise<unknown>];

/** Resolves to the lines of each statement's plan. */
export type PlansOf = (work: (db: Db) => Promise<unknown>) => Promise<readonly string[]>;

interface DatabaseOfPlans {
  /** It is the index of the calls' ids. */
  readonly idIndex: string;
  /** These are marked. */
  readonly callIds: readonly string[];
  /** Retries of the callback with this key are switched on at this instant. */
  readonly switched: readonly [callbackKey: number, at: number];
}

/** None of them sorts anything. */
export const usualQueries = ({ idIndex, callIds, switched: [key, at] }: DatabaseOfPlans): readonly PlannedQuery[] => [
  ["fetchPending", "calls_pending", (db) => queueStore(db).fetchPending([READ, OTHER])],
  ["fetchDue", "calls_due", (db) => queueStore(db).fetchDue([{ ...READ, dueBefore: NOW + DAY }])],
  [
    "fetchDue of all",
    "calls_due",
    (db) =>
      queueStore(db).fetchDue([
        { ...READ, dueBefore: Number.POSITIVE_INFINITY },
        { ...OTHER, dueBefore: 1 },
      ]),
  ],
  [
    "fetchDue at each call's pace",
    "calls_due",
    (db) => queueStore(db).fetchDue([{ ...READ, dueBefore: NOW, attemptedBefore: NOW }]),
  ],
  ["fetchReplays", "calls_replays", (db) => queueStore(db).fetchReplays([READ])],
  ["cancelling a replay", "calls_replays", (db) => replayStore(db, systemClock, true).cancelChunk("CB1", A_CANCEL)],
  ["fetchBacklog", "calls_backlog", (db) => queueStore(db).fetchBacklog([{ ...READ, recovery: 3 }])],
  ["fetchHeld", "calls_held", (db) => queueStore(db).fetchHeld([READ])],
  [
    "readOutageProgress",
    "calls_listed",
    (db) =>
      outageStore(db).readProgress([
        { callbackId: "CB1", since: NOW },
        { callbackId: "CB2", since: NOW },
      ]),
  ],
  ["findCall", idIndex, (db) => callSearch(db).find("CB1", "A")],
  ["findPlaces", idIndex, (db) => callSearch(db).findPlaces("ABCDEF0123")],
  [
    "expireRetries",
    "calls_expiring",
    (db) => queueStore(db).expireRetries([{ callbackId: "CB1", firstFailedBefore: NOW + 100, fence: 0 }], 100),
  ],
  ["markCalls", idIndex, (db) => callMarks(db, systemClock, async () => NOW).mark("CB1", callIds, "SUCCESS", NOW)],
  ["switching retries on", "calls_listed", (db) => switchRetriesOn(db, key, at, POLICY)],
  ["nextMailAt", "mails_owed", (db) => mailStore(db).nextTryAt()],
];

export const oldestWaiting: readonly PlannedQuery[] = [
  ["the oldest waiting calls", "calls_pending", (db) => readOldestWaiting(db, [1, 50], NOW)],
  ["the oldest waiting call of all", "calls_pending", (db) => readOldestAcceptance(db, NOW)],
  ["attempts that have ended since", "calls_listed", (db) => readOldestWaiting(db, [1, 50], NOW)],
];

export function itUsesIndexes(queries: readonly PlannedQuery[], plansOf: PlansOf, isWrong: (line: string) => boolean): void {
  it.each(queries)("%s uses %s", async (_name, index, work) => {
    const plans = await plansOf(work);
    expect(plans.join("\n")).toContain(index);
    expect(plans.filter(isWrong)).toEqual([]);
  });
}

const LISTINGS: readonly (readonly [string, CallFilter, string])[] = [
  ["all", {}, "calls_listed"],
  ["failed", { status: "FAILED" }, "calls_listed"],
  ["pending", { status: "PENDING" }, "calls_pending"],
  ["a period", { since: NOW, until: NOW + 1_000 }, "calls_listed"],
  ["by code", { status: "FAILED", statusCodes: [{ class: 5 }] }, "calls_listed"],
];

export function itListsByIndex(plansOf: PlansOf, isWrong: (line: string) => boolean): void {
  it.each(LISTINGS)(
    "listing %s uses its index from the start, from an offset and from a cursor",
    async (_name, filter, index) => {
      const cursor =
        filter.status === "PENDING" ? cursorAt("-seq", [99_999]) : cursorAt("-attempted_at,-seq", [NOW + 999_999, 99_999]);
      for (const place of [{}, { offset: 1_000 }, { cursor }]) {
        const plans = await plansOf((db) => callLists(db, systemClock).list("CB1", query({ filter, ...place })));
        expect(plans.join("\n")).toContain(index);
        expect(plans.filter(isWrong)).toEqual([]);
      }
    },
  );
}

export function cursorAt(keys: string, values: readonly number[]): string {
  return Buffer.from(JSON.stringify([keys, values, 0, 0])).toString("base64url");
}
