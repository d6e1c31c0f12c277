import { readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import type { BackupTarget } from "../../../../src/domain/maintenance.js";
import { backUpDatabase } from "../../../../src/store/sqlite/back-up-database.js";
import { aCallback, accept } from "../../../contract/store-support.js";
import { aResponse } from "../../../support/builders.js";
import { storeFiles } from "../../../support/store/store-files.js";
import { isPrivate } from "../../../support/system.js";

const files = storeFiles();

const aTarget = (over: Partial<BackupTarget> = {}): BackupTarget => {
  return { file: files.path("copy.db"), overwrite: false, onProgress: () => undefined, ...over };
};

/** It has more pages than are copied at once. */
async function aLargeDatabase() {
  const path = files.path();
  const store = await files.open(path);
  const callback = await aCallback(store);
  const response = aResponse({ responseMessage: { ...aResponse().responseMessage, content: "x".repeat(2_000_000) } });
  await store.calls.accept([{ callbackId: callback.id, calls: ["1", "2", "3"].map((id) => ({ id, response })) }], 0);
  return { path, store, callback };
}

function idsIn(file: string): unknown[] {
  const database = new Database(file);
  const ids = database.prepare("SELECT id FROM calls ORDER BY id").pluck().all();
  expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
  database.close();
  return ids;
}

const left = (file: string) => readdirSync(dirname(file));

it("has what was committed when it began, however much is written meanwhile", async () => {
  const { path, store, callback } = await aLargeDatabase();
  const writer = new Database(path);
  const steps: number[] = [];
  const target = aTarget({
    onProgress(done) {
      writer.prepare("UPDATE calls SET id = id || '+'").run();
      steps.push(done);
    },
  });
  const backup = await backUpDatabase(path, target);
  writer.close();
  await accept(store, callback, ["later"]);
  expect(idsIn(target.file)).toEqual(["1", "2", "3"]);
  expect(left(target.file)).toEqual(["copy.db"]);
  expect([isPrivate(target.file), statSync(target.file).size]).toEqual([true, backup.bytes]);
  // The backup didn't begin again.
  expect(steps.length).toBeGreaterThan(1);
  expect(steps).toEqual([...steps].sort((one, other) => one - other));
});

it("leaves nothing if it is ended", async () => {
  const { path } = await aLargeDatabase();
  const target = aTarget({
    onProgress() {
      throw new Error("ended");
    },
  });
  await expect(backUpDatabase(path, target)).rejects.toThrow("ended");
  expect(left(target.file)).toEqual([]);
});

it("replaces a file only if it may, and never the database itself", async () => {
  const { path } = await aLargeDatabase();
  const target = aTarget();
  writeFileSync(target.file, "mine");
  await expect(backUpDatabase(path, target)).rejects.toMatchObject({ code: "usage", message: `${target.file} exists` });
  await expect(backUpDatabase(path, { ...target, overwrite: true })).rejects.toMatchObject({ code: "usage" });
  expect(readFileSync(target.file, "utf8")).toBe("mine");
  writeFileSync(target.file, "");
  await backUpDatabase(path, { ...target, overwrite: true });
  await backUpDatabase(path, { ...target, overwrite: true });
  expect(idsIn(target.file)).toEqual(["1", "2", "3"]);
  await expect(backUpDatabase(path, { ...target, file: path, overwrite: true })).rejects.toMatchObject({ code: "usage" });
});

it("doesn't replace a database whose write-ahead log SQLite would apply to the backup", async () => {
  const { path } = await aLargeDatabase();
  const other = await aLargeDatabase();
  await expect(backUpDatabase(path, aTarget({ file: other.path, overwrite: true }))).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining(`${other.path}-wal`),
  });
});

it("rejects what is no database of whcb, and a folder that doesn't exist", async () => {
  const foreign = files.path("foreign.db");
  new Database(foreign).exec("CREATE TABLE things (name TEXT)").close();
  await expect(backUpDatabase(foreign, aTarget())).rejects.toMatchObject({ code: "config" });
  const { path } = await aLargeDatabase();
  const target = aTarget({ file: `${files.path("none")}/copy.db` });
  await expect(backUpDatabase(path, target)).rejects.toMatchObject({ code: "unavailable" });
});

it.skipIf(process.platform !== "linux")("writes nothing to a file that another user has put in its place", async () => {
  const { path } = await aLargeDatabase();
  const target = aTarget();
  const loot = files.path("loot");
  writeFileSync(loot, "");
  const backup = backUpDatabase(path, target);
  exchangeDraft(target.file, loot);
  await expect(backup).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("another user") });
  expect([statSync(loot).size, left(target.file)]).toEqual([0, []]);
});

it.skipIf(process.platform !== "linux")("… nor if SQLite has its own draft open too, as that file's journal", async () => {
  const { path } = await aLargeDatabase();
  const target = aTarget();
  const loot = files.path("loot");
  new Database(loot).exec("CREATE TABLE things (name TEXT)").close();
  // A wrong size, and another change counter: SQLite corrects them, and needs a journal for it, before the first page is copied.
  const bytes = readFileSync(loot);
  for (const [at, value] of [
    [24, 9],
    [28, 77],
    [92, 3],
  ] as const)
    bytes.writeUInt32BE(value, at);
  writeFileSync(loot, bytes);
  const backup = backUpDatabase(path, target);
  exchangeDraft(target.file, loot, (draft) => renameSync(draft, `${loot}-journal`));
  await expect(backup).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("another user") });
  expect(statSync(loot).size).toBe(bytes.length);
});

it.skipIf(process.platform === "win32")("isn't done if another user has exchanged what was written", async () => {
  const { path } = await aLargeDatabase();
  const other = files.path("other");
  writeFileSync(other, "");
  let isExchanged = false;
  const target = aTarget({
    onProgress() {
      if (!isExchanged) exchangeDraft(target.file, other);
      isExchanged = true;
    },
  });
  await expect(backUpDatabase(path, target)).rejects.toMatchObject({ code: "unavailable" });
  expect(left(target.file)).toEqual([]);
});

function exchangeDraft(file: string, other: string, away: (draft: string) => void = rmSync): void {
  const draft = join(dirname(file), left(file).find((name) => name.endsWith(".partial")) ?? "");
  away(draft);
  symlinkSync(other, draft);
}
