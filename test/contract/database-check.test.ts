import { closeSync, openSync, statSync, writeSync } from "node:fs";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { checkDatabase } from "../../src/store/maintenance/check-database.js";
import { storeFiles } from "../support/store/store-files.js";
import { describeCheck, describeSchemaCheck } from "./database-check.js";
import { aCallback, manyFailed } from "./store-support.js";

const files = storeFiles();
const check = (path: string) => checkDatabase(path, systemClock, () => undefined);

describeCheck("sqlite", async () => {
  const url = files.path();
  return {
    url,
    store: await files.open(url),
    async damage(statement) {
      const database = new Database(url);
      database.pragma("foreign_keys = OFF");
      database.exec(statement);
      database.close();
    },
  };
});

describeSchemaCheck("sqlite", async () => {
  const url = files.path();
  await (await files.open(url)).close();
  return {
    url,
    async plant(statement) {
      const database = new Database(url);
      database.exec(statement);
      database.close();
    },
  };
}, [
  [
    "CREATE TRIGGER redirecting AFTER INSERT ON callbacks BEGIN UPDATE callbacks SET url = 'http://example.com'; END",
    ["trigger redirecting on callbacks: isn't part of whcb's schema"],
  ],
]);

it("takes the statistics of ANALYZE for what they are", async () => {
  const path = files.path();
  await (await files.open(path)).close();
  const database = new Database(path);
  database.exec("ANALYZE; VACUUM");
  database.close();
  expect((await check(path)).problems).toEqual([]);
});

it("finds damaged pages of a file", async () => {
  const path = files.path();
  const store = await files.open(path);
  await manyFailed(store, await aCallback(store), 500, () => ({}));
  await store.close();
  const { size } = statSync(path);
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, Buffer.alloc(40_960, 0xa5), 0, 40_960, Math.floor(size / 8_192) * 4_096);
  closeSync(descriptor);
  const { rows, problems } = await check(path);
  expect([rows, problems.map(({ where }) => where)]).toEqual([null, ["file"]]);
});

it("changes nothing, and leaves no file", async () => {
  const path = files.path();
  const store = await files.open(path);
  await manyFailed(store, await aCallback(store), 3, () => ({}));
  await store.close();
  const before = statSync(path).mtimeMs;
  expect((await check(path)).problems).toEqual([]);
  expect(statSync(path).mtimeMs).toBe(before);
  expect([`${path}-wal`, `${path}-shm`].map((file) => statSync(file, { throwIfNoEntry: false }))).toEqual([undefined, undefined]);
});

it("rejects a database of another version", async () => {
  const path = files.path();
  await (await files.open(path)).close();
  const database = new Database(path);
  database.exec("DELETE FROM migrations WHERE version > 1");
  database.close();
  await expect(check(path)).rejects.toMatchObject({
    code: "config",
    message: expect.stringContaining("has database version 1,"),
  });
});
