/** Backups beside a service that writes and on a full disk; checks and migrations of a database that version 0.1.0 wrote. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LATEST_VERSION } from "../../src/store/sqlite/migration-steps.js";
import { lockDatabase } from "../../src/store/sqlite/open-sqlite.js";
import { CliMachine } from "../support/cli/cli-service.js";
import type { IoOptions } from "../support/cli/cli-streams.js";
import { mayTroubleDisks, SmallDisk } from "../support/process/troubled-disk.js";
import { Home, REPOSITORY } from "../support/process/whcb-process.js";

let home: Home;

/** Runs a command in this process. */
const whcb = (args: readonly string[], options?: IoOptions) => new CliMachine({}, home.paths).whcb(args, options);
const backUp = (...args: readonly string[]) => whcb(["db", "backup", "--db", home.path("x.db"), ...args]);

async function serveWithCalls(calls: number): Promise<void> {
  await home.serve(["--no-endpoint-check"]);
  const created = ["callbacks", "create", "--name", "demo", "--url", "http://127.0.0.1:9/hook", "--email", "ops@example.com"];
  expect(await whcb(created)).toMatchObject({ code: 0 });
  expect(await whcb(["trigger", "demo", "-n", String(calls)])).toMatchObject({ code: 0 });
}

function countsIn(file: string): unknown {
  const database = new Database(file);
  const counts = database
    .prepare("SELECT (SELECT count(*) FROM calls) AS rows, (SELECT sum(count) FROM call_counts) AS counted")
    .get();
  const wrong = database.pragma("integrity_check", { simple: true });
  database.close();
  return wrong === "ok" ? counts : wrong;
}

describe("db backup", () => {
  beforeAll(async () => {
    home = new Home();
    await serveWithCalls(500);
  });
  afterAll(() => home.leave());

  it("copies one state of a database that a service writes", async () => {
    const writing = home.whcb(["trigger", "demo", "-n", "1000"]);
    const { code, stdout, stderr } = await home.whcb(["db", "backup", "--db", "x.db", "copy.db", "-o", "json"]);
    await writing;
    expect([code, stderr]).toEqual([0, `the secret key isn't in it: keep ${home.path("x.db.key")} too\n`]);
    const bytes = statSync(home.path("copy.db")).size;
    expect(JSON.parse(stdout)).toEqual({
      file: home.path("copy.db"),
      bytes,
      version: LATEST_VERSION,
      keyFile: home.path("x.db.key"),
    });
    const counts = countsIn(home.path("copy.db")) as { rows: number; counted: number };
    expect(counts.counted).toBe(counts.rows);
    expect(counts.rows).toBeGreaterThanOrEqual(500);
    expect(await backUp(home.path("copy.db"))).toMatchObject({ code: 2, stderr: expect.stringContaining("copy.db exists\n") });
    expect(await backUp("--force", home.path("copy.db"))).toMatchObject({ code: 0, stdout: "" });
    expect(countsIn(home.path("copy.db"))).toEqual({ rows: 1_500, counted: 1_500 });
  });

  it("never replaces a file of the database itself, or one that isn't a database", async () => {
    writeFileSync(home.path("notes.txt"), "not a database\n");
    writeFileSync(home.path("empty"), "");
    symlinkSync(home.path("x.db.key"), home.path("link"));
    const key = readFileSync(home.path("x.db.key"), "utf8");
    for (const name of ["x.db", "x.db.key", "link", "x.db-wal", "x.db-shm", "x.db-journal", "x.db-serve.lock"]) {
      const { code, stderr } = await backUp("--force", home.path(name));
      expect([name, code, stderr]).toEqual([name, 2, expect.stringMatching(/ is (a file of )?the database itself\n/)]);
    }
    expect(readFileSync(home.path("x.db.key"), "utf8")).toBe(key);
    expect(await backUp("--force", home.path("notes.txt"))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("notes.txt isn't a SQLite database\n"),
    });
    expect(readFileSync(home.path("notes.txt"), "utf8")).toBe("not a database\n");
    expect(await backUp("--force", home.path("empty"))).toMatchObject({ code: 0 });
  });

  it.each([
    ["-journal", "", 0],
    ["-journal", "pages", 2],
    ["-wal", "", 2],
  ])("replaces a backup with a %s of %j beside it: exit %i", async (end, content, code) => {
    const file = home.path(`with${end}${content}`);
    writeFileSync(file, "");
    writeFileSync(`${file}${end}`, content);
    const ended = await backUp("--force", file);
    expect([ended.code, ended.stderr.includes(`there is ${file}${end}\n`)]).toEqual([code, code !== 0]);
  });

  it("leaves nothing of a file that can't be written", async () => {
    mkdirSync(home.path("backups"));
    const args = ["db", "backup", "--db", home.path("x.db"), home.path("backups", "copy.db")];
    const failed = await home.whcb(args, { longestFileKiB: 64 });
    expect(failed).toMatchObject({ code: 5, stdout: "", stderr: expect.stringContaining("copy.db can't be written: ") });
    expect(readdirSync(home.path("backups"))).toEqual([]);
  });

  it.skipIf(!mayTroubleDisks)("says that the disk of the backup is full", async () => {
    const disk = SmallDisk.mount(home.path("disk"), 1);
    try {
      disk.fill(10);
      const before = readdirSync(disk.folder);
      const failed = await backUp(home.path("disk", "copy.db"));
      expect(failed).toMatchObject({ code: 5, stderr: expect.stringContaining("copy.db can't be written: its disk is full\n") });
      expect(readdirSync(disk.folder)).toEqual(before);
    } finally {
      disk.unmount();
    }
  });

  it("names PostgreSQL's own tools, and no password", async () => {
    const failed = await whcb(["db", "backup", "x"], { env: { WHCB_DB: "postgres://me:hidden@127.0.0.1:1/x" } });
    expect(failed).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/PostgreSQL\n.*pg_dump/) });
    expect(failed.stderr).not.toContain("hidden");
    const inFlag = await whcb(["db", "backup", "x", "--db", "postgres://me:hidden@127.0.0.1:1/x"]);
    expect(inFlag).toMatchObject({ code: 2, stderr: expect.not.stringContaining("hidden") });
  });
});

describe("a database of version 0.1.0", () => {
  const db = (command: string, ...args: readonly string[]) => whcb(["db", command, "--db", home.path("x.db"), ...args]);

  beforeEach(() => {
    home = new Home();
    copyFileSync(join(REPOSITORY, "test/fixtures/0.1.0/whcb.db"), home.path("x.db"));
  });
  afterEach(() => home.leave());

  it("is backed up as it is, migrated once, and then checked", async () => {
    expect(await db("backup", home.path("old.db"))).toMatchObject({ code: 0 });
    expect(await db("check")).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("has database version 1, and this whcb"),
    });
    expect(await db("migrate")).toEqual({
      code: 0,
      stdout: "",
      stderr: `migrated ${home.path("x.db")} from version 1 to ${LATEST_VERSION}\n`,
    });
    expect(await db("migrate", "-o", "json")).toEqual({
      code: 0,
      stdout: `${JSON.stringify({ database: home.path("x.db"), from: LATEST_VERSION, to: LATEST_VERSION }, undefined, 2)}\n`,
      stderr: "",
    });
    expect(await db("check")).toMatchObject({
      code: 0,
      stdout: `ok: 4 callbacks, 26 calls, 20 attempts in ${home.path("x.db")}\n`,
    });
    expect(await home.whcb(["db", "migrate", "--db", "old.db"])).toMatchObject({ code: 0 });
  });

  it("isn't migrated under a service", async () => {
    const lock = await lockDatabase(home.path("x.db"));
    expect(await db("migrate")).toMatchObject({ code: 4, stderr: expect.stringContaining("already served by another process") });
    await lock.release();
    expect(await db("migrate")).toMatchObject({ code: 0 });
    const again = await lockDatabase(home.path("x.db"));
    expect(await db("migrate")).toMatchObject({
      code: 0,
      stderr: `${home.path("x.db")} has version ${LATEST_VERSION} already: nothing to do\n`,
    });
    await again.release();
  });

  it("has its wrong rows listed, with exit code 8", async () => {
    await db("migrate");
    const database = new Database(home.path("x.db"));
    const { changes } = database.prepare("UPDATE calls SET status = 'LOST' WHERE status = 'SUCCESS'").run();
    database.close();
    const { code, stdout, stderr } = await db("check");
    expect([code, stderr]).toEqual([8, ""]);
    expect(stdout).toMatch(new RegExp(`^wrong: calls, ${changes} rows\n  \\w{32}: its state is unknown\n`));
    expect(stdout).toMatch(/\nwrong: call_counts, 6 rows\n {2}\w{16} LOST: the counter is 0, and there are \d+\n/);
    const { problems, ok } = JSON.parse((await db("check", "-o", "json")).stdout);
    expect([ok, problems[0].where, problems[0].rows]).toEqual([false, "calls", changes]);
  });

  it("has what was planted in its schema listed, with exit code 8", async () => {
    await db("migrate");
    const database = new Database(home.path("x.db"));
    database.exec("CREATE TRIGGER redirecting AFTER INSERT ON calls BEGIN UPDATE callbacks SET url = 'http://example.com'; END");
    database.close();
    const listed = "wrong: schema, 1 fault\n  trigger redirecting on calls: isn't part of whcb's schema\n";
    const size = `in all: 4 callbacks, 26 calls, 20 attempts in ${home.path("x.db")}\n`;
    expect(await db("check")).toEqual({ code: 8, stdout: listed + size, stderr: "" });
  });
});
