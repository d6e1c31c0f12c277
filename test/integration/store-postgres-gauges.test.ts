/** What a node reads of the state that its database is in. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore, type Store } from "../../src/store/open-store.js";
import { aCallback, accept } from "../contract/store-support.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { eventually } from "../support/process/whcb-process.js";

const TRANSACTIONS = 200;
const PASSWORD = "of-a-role-of-these-tests";

let database: TestDatabase;
/** Its role may see nothing of other roles' sessions but that they exist. */
let store: Store;

beforeAll(async () => {
  database = await createDatabase("gauges");
  await database.query(`CREATE ROLE gauges_service LOGIN PASSWORD '${PASSWORD}'`);
  await database.query("ALTER SCHEMA public OWNER TO gauges_service");
  const url = new URL(database.url);
  [url.username, url.password] = ["gauges_service", PASSWORD];
  store = await openStore({ url: url.href, clock: systemClock, secretKey: new Uint8Array(32) });
});
afterAll(async () => {
  await store.close();
  await database.query("DROP OWNED BY gauges_service CASCADE");
  await database.query("DROP ROLE gauges_service");
});

const oldestSnapshot = async () => (await store.readGauges()).oldestSnapshotTransactions;

async function writeTransactions(): Promise<void> {
  for (let count = 0; count < TRANSACTIONS; count += 1) await database.query("SELECT pg_current_xact_id()");
}

it("another role's transaction that has an old snapshot counts until it ends", async () => {
  const reader = await database.connect();
  await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await reader.query("SELECT 1");
  await writeTransactions();
  expect(await oldestSnapshot()).toBeGreaterThanOrEqual(TRANSACTIONS);
  await reader.query("COMMIT");
  await eventually(oldestSnapshot, (transactions) => transactions !== null && transactions < TRANSACTIONS);
});

it("a snapshot of another database doesn't count, because it keeps no rows of this one", async () => {
  const other = await createDatabase("gauges_other");
  const reader = await other.connect();
  await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await reader.query("SELECT 1");
  await writeTransactions();
  await eventually(oldestSnapshot, (transactions) => transactions !== null && transactions < TRANSACTIONS);
  await reader.query("COMMIT");
});

it("dead rows that an open transaction may still see are counted, by table", async () => {
  const reader = await database.connect();
  await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await reader.query("SELECT 1");
  const callback = await aCallback(store);
  const ids = Array.from({ length: 50 }, (_, index) => `C${index}`);
  await accept(store, callback, ids);
  await store.calls.mark(callback.id, ids, "SUCCESS", systemClock.now(), {});
  const deadCalls = async () => (await store.readGauges()).deadRows.find(({ table }) => table === "calls")?.rows ?? 0;
  await eventually(deadCalls, (rows) => rows >= ids.length);
  await reader.query("COMMIT");
});
