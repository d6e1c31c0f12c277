/** On PostgreSQL. */
import { beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { checkDatabase } from "../../src/store/maintenance/check-database.js";
import type { Store } from "../../src/store/store.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { describeCheck } from "./database-check.js";

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await createDatabase("checked");
  store = await database.openStore();
});

describeCheck("postgres", async () => {
  await database.clear();
  return {
    url: database.url,
    store,
    async damage(statement) {
      const client = await database.connect();
      await client.query(`SET session_replication_role = replica; ${statement}`);
    },
  };
});

it("finds changes of another server's transactions, as after a restore", async () => {
  await database.clear();
  await database.query("INSERT INTO changes (callback_id) VALUES ('own')");
  await database.query("INSERT INTO changes VALUES ('restored', '9999999')");
  const { problems } = await checkDatabase(database.url, systemClock, () => undefined);
  expect(problems).toEqual([
    { where: "changes", rows: 1, examples: ["restored: its transaction isn't of this server: empty this table"] },
  ]);
});

it("rejects a database without tables", async () => {
  const empty = await createDatabase("checked empty");
  await expect(checkDatabase(empty.url, systemClock, () => undefined)).rejects.toMatchObject({ code: "config" });
});
