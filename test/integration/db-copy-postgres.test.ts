/** A SQLite file copied into PostgreSQL, by processes that are killed, and what keeps a copy from being started, resumed or served. */
import { copyFileSync } from "node:fs";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { COPIED, NOT_COPIED } from "../../src/store/copy/copied-tables.js";
import { migrateDatabase, openStore, type Store } from "../../src/store/open-store.js";
import { lockDatabase } from "../../src/store/sqlite/open-sqlite.js";
import { aCallback, accept, attempt, manyFailed, NOW } from "../contract/store-support.js";
import { ACCEPTED, aResponse } from "../support/builders.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { CliResult } from "../support/cli/run-cli.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { eventually, Home } from "../support/process/whcb-process.js";

const SECRET_KEY = new Uint8Array(32);

let home: Home;
let databases = 0;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.leave());

function newDatabase(): Promise<TestDatabase> {
  databases += 1;
  return createDatabase(`copied ${databases}`);
}

/** Runs a command in this process. */
function whcb(args: readonly string[], target?: TestDatabase): Promise<CliResult> {
  return new CliMachine({}, home.paths).whcb(args, target && { env: { WHCB_DB: target.url } });
}

const copy = (target: TestDatabase, ...args: readonly string[]) =>
  whcb(["db", "copy", "--from", home.path("x.db"), ...args], target);

/** Two callbacks, calls in all states, and text that SQLite stores as it is. */
async function fill(calls: number): Promise<void> {
  const store = await openStore({ url: home.path("x.db"), clock: systemClock, secretKey: SECRET_KEY });
  const [one, other] = [await aCallback(store, { retriesEnabled: true }), await aCallback(store, { name: "Zürich \u{1f426}" })];
  await manyFailed(store, one, calls, () => ({}));
  const response = aResponse({ customParameters: { nul: "a\0b", quotes: `"'\\` } });
  await store.calls.accept([{ callbackId: other.id, calls: ["nul", "ok"].map((id) => ({ id, response })) }], NOW);
  await attempt(store, other, ["ok"], { result: ACCEPTED });
  await store.credentials.save({ username: "a\0da", passwordHash: "x", apiKeyHash: "y", origin: "added" }, NOW);
  await store.close();
}

const openTarget = (target: TestDatabase): Promise<Store> =>
  openStore({ url: target.url, clock: systemClock, secretKey: SECRET_KEY });

/** The transaction that copies the call with this seq waits. Returns what lets it go on, and waits for its end. */
async function holdCopyAt(seq: number, target: TestDatabase): Promise<() => Promise<void>> {
  const holder = await target.connect();
  await holder.query("SELECT pg_advisory_lock(1)");
  await holder.query(`
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END';
    CREATE TRIGGER held BEFORE INSERT ON calls FOR EACH ROW WHEN (NEW.seq = ${seq}) EXECUTE FUNCTION hold()`);
  return async () => {
    await holder.query("SELECT pg_advisory_unlock(1)");
    await holder.query("DROP FUNCTION hold CASCADE");
  };
}

describe("db copy", () => {
  it("names every table of the schema", async () => {
    await fill(0);
    const database = new Database(home.path("x.db"));
    const tables = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .pluck()
      .all();
    database.close();
    expect([...COPIED, ...NOT_COPIED].sort()).toEqual(tables.sort());
  });

  it("copies what a store reads, and goes on with new keys", async () => {
    await fill(20);
    const target = await newDatabase();
    const { code, stdout } = await copy(target, "-o", "json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ resumed: false, rows: { callbacks: 2, calls: 22, attempts: 21, credentials: 1 } });
    const [source, copied] = [
      await openStore({ url: home.path("x.db"), clock: systemClock, secretKey: SECRET_KEY }),
      await openTarget(target),
    ];
    const all = { sort: [], limit: 100, offset: 0 };
    const { items: callbacks } = await source.callbacks.list(all);
    expect((await copied.callbacks.list(all)).items).toEqual(callbacks);
    for (const { id } of callbacks) {
      const wanted = await source.calls.list(id, { ...all, filter: {} });
      expect((await copied.calls.list(id, { ...all, filter: {} })).items).toEqual(wanted.items);
      const ids = wanted.items.map((call) => call.id);
      expect(await copied.calls.listAttempts(id, ids)).toEqual(await source.calls.listAttempts(id, ids));
    }
    const added = await aCallback(copied);
    await accept(copied, added, ["new"]);
    expect((await copied.callbacks.list(all)).items).toHaveLength(3);
    await source.close();
    await copied.close();
    expect(await whcb(["db", "check"], target)).toMatchObject({ code: 0 });
    expect(await copy(target)).toMatchObject({ code: 4, stderr: expect.stringContaining("has data already") });
  });

  it("copies rows that are larger than a batch", async () => {
    const store = await openStore({ url: home.path("x.db"), clock: systemClock, secretKey: SECRET_KEY });
    const { id } = await aCallback(store);
    const response = aResponse({ customParameters: { large: "é".repeat(5_000_000) } });
    await store.calls.accept([{ callbackId: id, calls: ["1", "2", "3"].map((call) => ({ id: call, response })) }], NOW);
    await store.close();
    const target = await newDatabase();
    expect(await copy(target)).toMatchObject({ code: 0 });
    expect(await target.query("SELECT min(octet_length(response)) > 10000000 AS large FROM calls")).toEqual([{ large: true }]);
  });

  it("goes on after kill -9, and can't be served before it is complete", async () => {
    await fill(8_000);
    const target = await newDatabase();
    await migrateDatabase(target.url);
    const goOn = await holdCopyAt(7_000, target);
    const killed = home.start(["db", "copy", "--from", "x.db"], { env: { WHCB_DB: target.url } });
    const rowsCopied = async () => (await target.query<{ rows: number }>("SELECT count(*)::float8 AS rows FROM calls"))[0]?.rows;
    await eventually(rowsCopied, (rows) => rows === 5_000);
    await killed.stop("SIGKILL");
    await goOn();
    expect(await rowsCopied()).toBe(5_000);
    await expect(openTarget(target)).rejects.toMatchObject({ code: "config", message: expect.stringContaining("unfinished") });
    expect(await whcb(["db", "check"], target)).toMatchObject({ code: 4 });

    const { code, stdout } = await copy(target, "-o", "json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ resumed: true, rows: { calls: 8_002, attempts: 8_001 } });
    await (await openTarget(target)).close();
    expect(await whcb(["db", "check"], target)).toMatchObject({ code: 0 });
  });

  it.each([
    ["UPDATE calls SET response = response || ' ' WHERE seq = 3", "the numbers of rows are the same"],
    ["DELETE FROM attempts WHERE call_seq = 3", "the numbers of rows differ in attempts"],
    ["UPDATE callbacks SET auth_key = auth_key || '\\x00'::bytea WHERE key = 1", "the numbers of rows are the same"],
  ])("finds what is changed in the target: %s", async (statement, counts) => {
    await fill(10);
    const target = await newDatabase();
    await interruptAtTheEnd(target);
    const [row] = await target.query<{ id: string }>("SELECT id FROM callbacks WHERE key = 1");
    await target.query(statement);
    const failed = await copy(target);
    expect(failed).toMatchObject({
      code: 8,
      stdout: "",
      stderr: expect.stringContaining(`differs from the file in ${row?.id}; ${counts}\n`),
    });
    await expect(openTarget(target)).rejects.toMatchObject({ code: "config" });
  });

  it("resumes only with the file that it was begun with", async () => {
    await fill(10);
    const target = await newDatabase();
    await interruptAtTheEnd(target);
    const store = await openStore({ url: home.path("x.db"), clock: systemClock, secretKey: SECRET_KEY });
    await aCallback(store);
    await store.close();
    expect(await copy(target)).toMatchObject({ code: 4, stderr: expect.stringContaining("before it changed\n") });
  });

  it("refuses a file that is served or whose calls a run sends, and a target with any row", async () => {
    await fill(1);
    const target = await newDatabase();
    const lock = await lockDatabase(home.path("x.db"));
    expect(await copy(target)).toMatchObject({ code: 4, stderr: expect.stringContaining("already served") });
    await lock.release();
    const database = new Database(home.path("x.db"));
    database.prepare("INSERT INTO run_leases VALUES (1, 'run', 'holder', 0, 1, ?)").run(Date.now() + 20_000);
    expect(await copy(target)).toMatchObject({ code: 5, stderr: expect.stringContaining("A run sends calls") });
    database.exec("DELETE FROM run_leases");
    database.close();
    await (await openTarget(target)).close();
    expect(await copy(target)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("has data already, in its table settings"),
    });
  });

  it("refuses rows that refer to nothing", async () => {
    await fill(1);
    const database = new Database(home.path("x.db"));
    database.pragma("foreign_keys = OFF");
    database.exec("DELETE FROM callbacks WHERE key = 1");
    database.close();
    const failed = await copy(await newDatabase());
    expect(failed).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/rows in call_counts whose callback .*\n.*whcb db check/),
    });
  });

  it("lets one of two processes copy", async () => {
    await fill(6_000);
    copyFileSync(home.path("x.db"), home.path("y.db"));
    const target = await newDatabase();
    const both = await Promise.all(
      ["x.db", "y.db"].map((from) => home.whcb(["db", "copy", "--from", from], { env: { WHCB_DB: target.url } })),
    );
    const codes = both.map(({ code }) => code).sort();
    expect([codes, [4, 5].includes(codes[1] ?? 0)]).toEqual([[0, codes[1]], true]);
    expect(await whcb(["db", "check"], target)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ok: 2 callbacks, 6002 calls, 6001 attempts in postgres:/),
    });
  });

  it("shows no password, and takes none as an argument", async () => {
    await fill(1);
    const target = await newDatabase();
    const password = new URL(target.url).password;
    const result = await copy(target);
    expect(result).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining("postgres://****@") });
    expect(JSON.stringify(result)).not.toContain(password);
    const wrong = [
      ["--from", "x.db", "--db", target.url],
      ["--from", target.url, "--db", "postgres://h/d"],
      ["--from", "x.db", "--db", "y.db"],
    ];
    const refused = await Promise.all([...wrong, []].map((args) => whcb(["db", "copy", ...args])));
    for (const each of refused) expect(each).toMatchObject({ code: 2, stderr: expect.not.stringContaining(password) });
    expect(refused.at(-1)?.stderr).toContain("needs --from");
  });
});

/** All is copied and nothing compared: a trigger stands for the crash. */
async function interruptAtTheEnd(target: TestDatabase): Promise<void> {
  await migrateDatabase(target.url);
  await target.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''crashed''; END';
    CREATE TRIGGER refuse BEFORE DELETE ON settings FOR EACH ROW EXECUTE FUNCTION refuse()`);
  expect((await copy(target)).code).not.toBe(0);
  await target.query("DROP TRIGGER refuse ON settings");
}
