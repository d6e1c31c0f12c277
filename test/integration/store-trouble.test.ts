/** With a full disk, or a read-only, locked or corrupt file, there is an `unavailable` error as long as the cause lasts. */
import { statSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import Database from "better-sqlite3";
import { Kysely } from "kysely";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { callbackStore } from "../../src/store/callbacks/callbacks.js";
import { callAcceptance } from "../../src/store/calls/accept-calls.js";
import { readCounts } from "../../src/store/calls/call-counts.js";
import { checkWritable } from "../../src/store/open-store.js";
import type { Schema } from "../../src/store/schema.js";
import { keyCipher } from "../../src/store/secret-key.js";
import { migrate } from "../../src/store/sqlite/migrations.js";
import { connect } from "../../src/store/sqlite/open-sqlite.js";
import { sqliteDialect } from "../../src/store/sqlite/sqlite-dialect.js";
import { aResponse, someSettings } from "../support/builders.js";
import { storeFiles } from "../support/store/store-files.js";

const { path } = storeFiles();

/** These parts of the store use a connection that the test can limit. */
async function openWithin(file: string, { lockWaitMs = 5_000 } = {}) {
  const database = connect(file);
  migrate(database, file);
  const db = new Kysely<Schema>({ dialect: sqliteDialect(database, systemClock, { lockWaitMs }) });
  await callbackStore(db, keyCipher(new Uint8Array(32))).create("CB", someSettings(), 0);
  let made = 0;
  const nextCall = () => {
    made += 1;
    return { id: `C${made}`, response: aResponse() };
  };
  const accept = (count: number) =>
    callAcceptance(db).accept([{ callbackId: "CB", calls: Array.from({ length: count }, nextCall) }], 0);
  return { database, db, accept };
}

describe("a database in trouble", () => {
  it("reports a full disk, keeps nothing of the batch, and continues when there is space", async () => {
    const { database, db, accept } = await openWithin(path());
    await accept(10);
    const pages = Number(database.pragma("page_count", { simple: true }));
    database.pragma(`max_page_count = ${pages + 2}`);
    await expect(accept(1_000)).rejects.toMatchObject({
      code: "unavailable",
      message: "The database's disk is full",
      cause: { code: "SQLITE_FULL" },
    });
    expect(database.inTransaction).toBe(false);
    expect(await readCounts(db, 1)).toEqual({ PENDING: 10, SUCCESS: 0, FAILED: 0 });
    database.pragma(`max_page_count = ${pages}`);
    await expect(checkWritable(db)).rejects.toMatchObject({ code: "unavailable" });
    database.pragma("max_page_count = 1000000");
    await checkWritable(db);
    expect(await accept(1_000)).toHaveLength(1_000);
    expect(await readCounts(db, 1)).toEqual({ PENDING: 1_010, SUCCESS: 0, FAILED: 0 });
    await db.destroy();
  });

  it("is tried with a write that needs more room than an outcome, and leaves nothing", async () => {
    const file = path();
    const { database, db } = await openWithin(file);
    database.pragma("wal_checkpoint(TRUNCATE)");
    await checkWritable(db);
    // An outcome, with its counters, writes about 20 pages of 4 KiB.
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(100_000);
    expect(await db.selectFrom("settings").selectAll().where("name", "=", "trial").execute()).toEqual([]);
    await db.destroy();
  });

  it("reports a read-only database", async () => {
    const { database, db, accept } = await openWithin(path());
    database.pragma("query_only = ON");
    const readOnly = {
      code: "unavailable",
      message: "The database is read-only",
      hint: expect.stringContaining("writable"),
    };
    await expect(accept(1)).rejects.toMatchObject(readOnly);
    await expect(checkWritable(db)).rejects.toMatchObject(readOnly);
    database.pragma("query_only = OFF");
    expect(await accept(1)).toHaveLength(1);
    await db.destroy();
  });

  it("reports that another process holds the lock, still reads, and continues afterwards", async () => {
    const file = path();
    const { db, accept } = await openWithin(file, { lockWaitMs: 0 });
    const other = new Database(file);
    other.exec("BEGIN IMMEDIATE");
    await expect(accept(1)).rejects.toMatchObject({ code: "unavailable", message: "The database is locked by another process" });
    expect(await readCounts(db, 1)).toEqual({ PENDING: 0, SUCCESS: 0, FAILED: 0 });
    other.exec("ROLLBACK");
    other.close();
    expect(await accept(1)).toHaveLength(1);
    await db.destroy();
  });

  it("waits for another process without blocking other work", async () => {
    const file = path();
    const { db, accept } = await openWithin(file);
    const other = new Database(file);
    other.exec("BEGIN EXCLUSIVE");
    let isAccepted = false;
    const accepting = accept(1).then(() => {
      isAccepted = true;
    });
    for (let turns = 0; turns < 100; turns += 1) await nextTurn();
    expect(isAccepted).toBe(false);
    other.exec("ROLLBACK");
    other.close();
    await accepting;
    await db.destroy();
  });

  it("fails every waiting write as soon as the first fails because of the lock", async () => {
    const file = path();
    const { db, accept } = await openWithin(file, { lockWaitMs: 200 });
    const other = new Database(file);
    other.exec("BEGIN EXCLUSIVE");
    const began = performance.now();
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => accept(1)));
    expect(results.map(({ status }) => status)).toEqual(Array(50).fill("rejected"));
    expect(performance.now() - began).toBeLessThan(50 * 200);
    other.close();
    await db.destroy();
  });

  it("reports a corrupt file", async () => {
    const { database, db, accept } = await openWithin(path());
    await accept(1);
    database.unsafeMode(true);
    database.pragma("writable_schema = ON");
    database.exec("UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'calls_pending'; PRAGMA schema_version = 99");
    await expect(accept(1)).rejects.toMatchObject({ code: "unavailable", message: "The database is corrupt" });
    await db.destroy();
  });

  it("rethrows our own bugs unchanged", async () => {
    const { db } = await openWithin(path());
    const twice = db.insertInto("settings").values({ name: "one", value: new Uint8Array() });
    await twice.execute();
    await expect(twice.execute()).rejects.toMatchObject({ code: "SQLITE_CONSTRAINT_PRIMARYKEY" });
    await db.destroy();
  });
});
