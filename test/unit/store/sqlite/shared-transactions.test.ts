/** Works that come at the same time share one commit, and fail each by itself. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import type { Db } from "../../../../src/store/schema.js";
import { transact } from "../../../../src/store/sql/transactions.js";
import { openSqlite } from "../../../../src/store/sqlite/open-sqlite.js";

let folder: string;
let db: Db;
let reader: Db;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "whcb-shared-"));
  const path = join(folder, "whcb.db");
  db = await openSqlite({ path, mustExist: false, clock: systemClock });
  reader = await openSqlite({ path, mustExist: true, clock: systemClock });
});
afterEach(async () => {
  await Promise.all([db.destroy(), reader.destroy()]);
  rmSync(folder, { recursive: true, force: true });
});

const add = (name: string) => async (trx: Db) => {
  await sql`INSERT INTO settings (name, value) VALUES (${name}, '')`.execute(trx);
  return name;
};

const fail = (name: string) => async (trx: Db) => {
  await add(name)(trx);
  throw new Error(`${name} failed`);
};

async function stored(): Promise<string> {
  const { rows } = await sql<{ name: string }>`SELECT name FROM settings WHERE length(name) = 1 ORDER BY name`.execute(reader);
  return rows.map(({ name }) => name).join("");
}

it("are committed together, and none is done before", async () => {
  const seen: Promise<string>[] = [];
  const look = async (trx: Db) => {
    await add("c")(trx);
    seen.push(stored());
    await seen[0];
  };
  await Promise.all([transact(db, add("a")).then(() => seen.push(stored())), transact(db, add("b")), transact(db, look)]);
  expect(await Promise.all(seen)).toEqual(["", "abc"]);
});

it("that fail change nothing, and the others don't notice, whichever comes first", async () => {
  const works = [fail("a"), add("b"), fail("c"), add("d"), fail("e"), add("f"), add("g"), add("h")];
  const outcomes = await Promise.allSettled(works.map((work) => transact(db, work)));
  expect(outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason.message))).toEqual([
    ...["a failed", "b", "c failed", "d", "e failed", "f", "g", "h"],
  ]);
  expect(await stored()).toBe("bdfgh");
});

it("all fail with the error that ends their transaction; later ones begin another", async () => {
  const endTransaction = async (trx: Db) => {
    await sql`ROLLBACK`.execute(trx);
    throw new Error("the disk is full");
  };
  const outcomes = await Promise.allSettled([add("a"), add("b"), endTransaction].map((work) => transact(db, work)));
  expect(outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.message : outcome))).toEqual([
    ...["the disk is full", "the disk is full", "the disk is full"],
  ]);
  expect([await transact(db, add("c")), await stored()]).toEqual(["c", "c"]);
});

it("of which none can begin all fail", async () => {
  await db.destroy();
  const outcomes = await Promise.allSettled([add("a"), add("b")].map((work) => transact(db, work)));
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
