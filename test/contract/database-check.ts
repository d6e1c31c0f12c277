/** `db check` finds the same on each database. */
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { checkDatabase } from "../../src/store/maintenance/check-database.js";
import type { Store } from "../../src/store/open-store.js";
import { ACCEPTED, REFUSED_503 } from "../support/builders.js";
import { aCallback, accept, aGroup, anEndpoint, aReplay, attempt, DAY, hold, MINUTE, manyFailed, NOW } from "./store-support.js";

export interface CheckedStore {
  readonly url: string;
  readonly store: Store;
  /** These rows are written past the store, which would never do it, and without foreign keys. */
  damage(statement: string): Promise<void>;
}

const OUTAGE = { id: "0".repeat(31).concat("1"), startedAt: NOW, failedCalls: 12, quietSince: null };

/** Stores calls in every state, of one callback that is down and one that is deleted. */
async function fill(store: Store): Promise<void> {
  const callback = await aCallback(store, { retriesEnabled: true });
  await manyFailed(store, callback, 12, () => ({}));
  const endpoint = anEndpoint({ state: "down", downSince: NOW, roundAt: NOW, roundBeganAt: NOW, probeAt: NOW + MINUTE });
  await store.outcomes.commit(aGroup({ endpoints: [{ callbackId: callback.id, endpoint, outage: OUTAGE }] }));
  await accept(store, callback, ["pending", "accepted", "held", "marked", "both"]);
  await attempt(store, callback, ["accepted"], { result: ACCEPTED });
  await attempt(store, callback, ["both"], { result: REFUSED_503, outageId: OUTAGE.id });
  await attempt(store, callback, ["both"], { result: ACCEPTED, startedAt: NOW + DAY });
  await hold(store, callback, ["held"], NOW, OUTAGE.id);
  await store.calls.mark(callback.id, ["marked"], "SUCCESS", NOW);
  await store.replays.request(callback.id, aReplay({ callIds: ["call 1", "call 2", "call 3"] }), NOW);
  await attempt(store, callback, ["call 3"], { cause: "replay", result: ACCEPTED });
  const mail = {
    outageId: OUTAGE.id,
    callbackId: callback.id,
    to: "ops@example.com",
    subject: "down",
    text: "…",
    createdAt: NOW,
  };
  await store.outcomes.commit(
    aGroup({
      endpoints: [{ callbackId: callback.id, endpoint, outage: OUTAGE }],
      mails: [mail],
      notices: { began: ["hook"], ended: [], at: NOW },
    }),
  );
  const deleted = await aCallback(store);
  await manyFailed(store, deleted, 3, () => ({}), "gone");
  await store.callbacks.delete(deleted.id, NOW);
}

const FAULTS: readonly (readonly [statement: string, where: string, rows: number, example: string | RegExp])[] = [
  ["DELETE FROM calls WHERE id = 'accepted'", "attempts", 1, /^attempt 1 of call number \d+: its call doesn't exist$/],
  ["DELETE FROM callbacks WHERE deleted_at IS NOT NULL", "calls", 3, "gone 0: its callback doesn't exist"],
  [
    "DELETE FROM attempts WHERE call_seq = (SELECT seq FROM calls WHERE id = 'both') AND number = 1",
    "calls",
    1,
    "both: its count of attempts differs from its attempts",
  ],
  ["UPDATE calls SET status = 'LOST' WHERE id = 'pending'", "calls", 1, "pending: its state is unknown"],
  ["UPDATE calls SET due_at = 5 WHERE id = 'marked'", "calls", 1, "marked: only one of its due time and its cause is set"],
  ["UPDATE calls SET due_at = 5, due_cause = 'retry' WHERE id = 'pending'", "calls", 1, "pending: PENDING, but due at a time"],
  ["UPDATE calls SET settled_by = 'user' WHERE id = 'pending'", "calls", 1, "pending: PENDING, but has failed or is settled"],
  ["UPDATE calls SET due_at = 5, due_cause = 'retry' WHERE id = 'marked'", "calls", 1, "marked: SUCCESS, but still due"],
  ["UPDATE calls SET settled_by = NULL WHERE id = 'accepted'", "calls", 1, "accepted: SUCCESS, but settled by nobody"],
  ["UPDATE calls SET settled_by = 'dispatcher' WHERE id = 'held'", "calls", 1, "held: FAILED, but settled by the dispatcher"],
  [
    "UPDATE calls SET first_failed_at = NULL WHERE id = 'held'",
    "calls",
    1,
    "held: a retry is due, but it was marked or has never failed",
  ],
  ["DELETE FROM replays", "calls", 2, "call 1: its replay doesn't exist"],
  ["UPDATE calls SET attempted_at = -1 WHERE id = 'both'", "calls", 1, "both: attempted, but at no time"],
  [
    "UPDATE call_counts SET count = count + 2 WHERE status = 'PENDING' AND count > 0",
    "call_counts",
    1,
    /^\w{16} PENDING: the counter is 3, and there are 1$/,
  ],
  ["DELETE FROM call_counts WHERE status = 'SUCCESS'", "call_counts", 1, /^\w{16} SUCCESS: the counter is 0, and there are 4$/],
  ["UPDATE failure_counts SET count = 0 WHERE failure = ''", "failure_counts", 1, /^\w{16} : the counter is 0, and there are 1$/],
  ["UPDATE replays SET waiting = 3", "replays", 1, "REPLAY: its count of waiting calls differs from its calls"],
  ["UPDATE replays SET succeeded = 9", "replays", 1, "REPLAY: its counts are more than its total"],
  ["UPDATE endpoints SET probe_at = NULL", "endpoints", 1, /^\w{16}: down without a time, a round or a probe$/],
  ["UPDATE endpoints SET state = 'up'", "endpoints", 1, /^\w{16}: not down, but with a round or a probe$/],
  ["UPDATE endpoints SET recovering_since = 5", "endpoints", 1, /^\w{16}: only one of its state and its time is recovering$/],
  ["DELETE FROM outages", "mails", 1, `${OUTAGE.id}: its outage doesn't exist`],
  ["DELETE FROM outages", "notices", 1, `${OUTAGE.id} began: its outage doesn't exist`],
  ["DELETE FROM outages", "outage_counts", 4, /^0+1 \w*: its outage doesn't exist$/],
  [
    "UPDATE outage_counts SET count = 5 WHERE name = 'failed'",
    "outage_counts",
    1,
    /^\w{16} 0+1 failed: the counter is 5, and there are 1$/,
  ],
  [
    "UPDATE outage_counts SET count = 5 WHERE name = '503'",
    "outages",
    1,
    `${OUTAGE.id}: its calls are counted otherwise by their failures than by what became of them`,
  ],
  ["UPDATE notices SET sent_at = 5", "notices", 1, `${OUTAGE.id} began: sent, but to be sent again`],
  ["UPDATE notices SET event = 'paused'", "notices", 1, `${OUTAGE.id} paused: its event is unknown`],
  ["UPDATE mails SET sent_at = 5", "mails", 1, `${OUTAGE.id}: sent, but to be sent again; or neither`],
];

export function describeCheck(name: string, open: () => Promise<CheckedStore>): void {
  const check = (url: string) => checkDatabase(url, systemClock, () => undefined);

  describe(`check on ${name}`, () => {
    it("finds nothing in what the store writes", async () => {
      const { url, store } = await open();
      await fill(store);
      expect(await check(url)).toEqual({ rows: { callbacks: 2, calls: 20, attempts: 19 }, problems: [], unchecked: null });
    });

    it.each(FAULTS)("finds the rows after %s", async (statement, where, rows, example) => {
      const { url, store, damage } = await open();
      await fill(store);
      await damage(statement);
      const { problems } = await check(url);
      const found = problems.find((problem) => problem.where === where);
      expect({ ...found, examples: found?.examples[0] }).toEqual({
        where,
        rows,
        examples: typeof example === "string" ? example : expect.stringMatching(example),
      });
    });

    it("lists ten of the wrong rows, and counts all", async () => {
      const { url, store, damage } = await open();
      await fill(store);
      await damage("UPDATE calls SET settled_by = NULL, status = 'SUCCESS', due_at = NULL, due_cause = NULL");
      const { problems } = await check(url);
      expect(problems.map((problem) => [problem.where, problem.rows, problem.examples.length])).toEqual([
        ["calls", 20, 10],
        ["call_counts", 5, 5],
        ["failure_counts", 3, 3],
        ["outage_counts", 2, 2],
        ["replays", 1, 1],
      ]);
    });
  });
}

export interface PlantedDatabase {
  readonly url: string;
  plant(statement: string): Promise<void>;
}

type Planted = readonly (readonly [statement: string, faults: readonly string[]])[];

const PLANTED: Planted = [
  ["CREATE TABLE extra (id integer)", ["table extra: isn't part of whcb's schema"]],
  ["CREATE VIEW spying AS SELECT url FROM callbacks", ["view spying: isn't part of whcb's schema"]],
  ["DROP INDEX calls_due", ["index calls_due: is missing"]],
  ["CREATE INDEX mine ON calls (response)", ["index mine: isn't part of whcb's schema"]],
  ["DROP INDEX calls_due; CREATE INDEX calls_due ON calls (callback_key)", ["index calls_due: differs from what whcb creates"]],
];

/** Nothing is read from these tables: a view or a generated column may run anything. */
const REPLACED: Planted = [
  ["ALTER TABLE callbacks ADD COLUMN sink text DEFAULT 'x'", ["table callbacks: differs from what whcb creates"]],
  [
    "ALTER TABLE settings RENAME TO hidden; CREATE VIEW settings AS SELECT * FROM hidden",
    ["table hidden: isn't part of whcb's schema", "view settings: isn't part of whcb's schema", "table settings: is missing"],
  ],
];

/** `open` returns a new database each time. `more` says what else may be planted there. */
export function describeSchemaCheck(name: string, open: () => Promise<PlantedDatabase>, more: Planted): void {
  const check = (url: string) => checkDatabase(url, systemClock, () => undefined);
  const schemaProblem = (faults: readonly string[]) => ({ where: "schema", rows: faults.length, examples: faults });

  describe(`check of the schema on ${name}`, () => {
    it.each([...PLANTED, ...more])("finds %s, and checks the rows too", async (statement, faults) => {
      const { url, plant } = await open();
      await plant(statement);
      await plant("INSERT INTO failure_counts VALUES (1, '503', 1)");
      const { rows, problems } = await check(url);
      expect(rows).toEqual({ callbacks: 0, calls: 0, attempts: 0 });
      expect(problems[0]).toEqual(schemaProblem(faults));
      expect(problems[1]).toMatchObject({ where: "failure_counts", rows: 1 });
    });

    it.each(REPLACED)("finds %s, and reads no row", async (statement, faults) => {
      const { url, plant } = await open();
      await plant(statement);
      const { rows, problems } = await check(url);
      expect([rows, problems.map(({ where }) => where)]).toEqual([null, ["schema"]]);
      expect(problems[0]?.examples).toEqual(expect.arrayContaining([...faults]));
    });
  });
}
