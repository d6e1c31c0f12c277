/** Some files can be opened, and the others have an error each. */
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openReader, openStore } from "../../src/store/open-store.js";
import { MIGRATIONS } from "../../src/store/sqlite/migration-steps.js";
import { migrate } from "../../src/store/sqlite/migrations.js";
import { lockDatabase } from "../../src/store/sqlite/open-sqlite.js";
import { someSettings } from "../support/builders.js";
import { storeFiles } from "../support/store/store-files.js";

const { path, open } = storeFiles();
const secretKey = new Uint8Array(32);

describe("opening a database", () => {
  it("creates a new file, unless it must exist", async () => {
    const file = path();
    await expect(open(file, { mustExist: true })).rejects.toMatchObject({
      code: "config",
      message: `There is no database ${file}`,
    });
    writeFileSync(file, "");
    await expect(open(file, { mustExist: true })).rejects.toMatchObject({
      code: "config",
      message: `${file} has no data of whcb`,
    });
    expect(statSync(file).size).toBe(0);
    await open(file);
    await open(file, { mustExist: true });
  });

  it("keeps what was stored, and never writes an auth key in plain text", async () => {
    const file = path();
    const key = "plain-text-callback-key";
    const first = await openStore({ url: file, clock: systemClock, secretKey });
    const callback = await first.callbacks.create("CB", someSettings({ auth: { type: "basicauth", key } }), 1);
    expect(readFileSync(`${file}-wal`).includes(key)).toBe(false);
    await first.close();
    expect(readFileSync(file).includes(key)).toBe(false);
    expect(await (await open(file)).callbacks.find("CB")).toEqual(callback);
  });

  it("deletes the auth key of a deleted callback", async () => {
    const file = path();
    const store = await open(file);
    await store.callbacks.create("CB", someSettings(), 1);
    await store.callbacks.delete("CB", 2);
    const reader = new Database(file, { readonly: true });
    expect(reader.prepare("SELECT length(auth_key) AS bytes FROM callbacks").all()).toEqual([{ bytes: 0 }]);
    reader.close();
  });

  it("rejects another secret key at once", async () => {
    const file = path();
    await open(file);
    await expect(open(file, { secretKey: new Uint8Array(32).fill(1) })).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("secret key"),
    });
    await expect(open(file, { secretKey: new Uint8Array(31) })).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("31 bytes"),
    });
  });

  it("rejects the URL of a database that it doesn't know", async () => {
    await expect(openStore({ url: "mysql://127.0.0.1/whcb", clock: systemClock, secretKey })).rejects.toMatchObject({
      code: "config",
    });
  });

  it("reports a missing folder, and a folder given as the file", async () => {
    const file = path();
    await expect(open(join(file, "no", "x.db"))).rejects.toMatchObject({
      code: "config",
      message: `The folder ${join(file, "no")} doesn't exist`,
    });
    await expect(open("")).rejects.toMatchObject({ code: "config", message: "The database's path is empty" });
    mkdirSync(file);
    await expect(open(file)).rejects.toMatchObject({ code: "config", message: `${file} is a folder, not a database file` });
  });

  it("creates the database and the files beside it readable by the owner only", async () => {
    const file = path();
    await open(file);
    expect([file, `${file}-wal`].map((name) => statSync(name).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it("rejects a file with another name, which would have a lock of its own, for all commands", async () => {
    const file = path();
    await (await openStore({ url: file, clock: systemClock, secretKey })).close();
    const other = path();
    linkSync(file, other);
    const rejection = {
      code: "config",
      message: expect.stringContaining("has 2 names (hard links)"),
      hint: expect.stringContaining("delete the other names"),
    };
    for (const name of [file, other]) {
      for (const mustExist of [false, true]) await expect(open(name, { mustExist })).rejects.toMatchObject(rejection);
      await expect(openReader(name, systemClock)).rejects.toMatchObject(rejection);
    }
    rmSync(other);
    await open(file);
  });

  it("says when a file isn't a database, and doesn't change it", async () => {
    const file = path();
    writeFileSync(file, "Dear diary,\n".repeat(1_000));
    await expect(open(file)).rejects.toMatchObject({
      code: "config",
      message: `${file}: The file is not a database`,
      cause: { code: "SQLITE_NOTADB" },
    });
    expect(readFileSync(file, "utf8")).toBe("Dear diary,\n".repeat(1_000));
  });

  it("says when a database belongs to another program, and doesn't change it", async () => {
    const file = path();
    const foreign = new Database(file);
    foreign.exec("CREATE TABLE songs (title TEXT)");
    foreign.close();
    const bytes = readFileSync(file);
    const refused = { code: "config", message: `${file} is another program's database` };
    for (const opened of [open(file), open(file, { mustExist: true }), lockDatabase(file)])
      await expect(opened).rejects.toMatchObject(refused);
    expect(readFileSync(file)).toEqual(bytes);
  });

  it("isn't migrated by a command while an older whcb serves it", async () => {
    const file = path();
    const older = new Database(file);
    migrate(older, file, MIGRATIONS.slice(0, -1));
    older.close();
    const serving = await lockDatabase(file);
    const openExisting = () => openStore({ url: file, clock: systemClock, secretKey, mustExist: true });
    await expect(openExisting()).rejects.toMatchObject({
      code: "config",
      message: `${file} is already served by another process`,
    });
    await serving.release();
    await (await openExisting()).close();
  });

  it("says when a database is from a newer version", async () => {
    const file = path();
    await (await openStore({ url: file, clock: systemClock, secretKey })).close();
    const newer = new Database(file);
    newer.exec("INSERT INTO migrations VALUES (999, 'from the future')");
    newer.close();
    await expect(open(file)).rejects.toMatchObject({ code: "config", message: expect.stringContaining("version 999") });
  });
});
