/** A role of the same PostgreSQL server that may connect to the database, and nothing else. */
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { LATEST_VERSION } from "../../src/store/postgres/postgres-migration-steps.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

/** Earlier builds held these while they migrated and joined. */
const ADVISORY_LOCKS = [0x77_68_63_62, 0x77_68_63_6e];
const MODES = [
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
];

let database: TestDatabase;
let stranger: pg.Client;
let home: Home;

beforeAll(async () => {
  database = await createDatabase("stranger");
  await database.query("CREATE ROLE stranger LOGIN PASSWORD 'of a stranger'");
});
afterAll(() => database.query("DROP ROLE stranger"));

beforeEach(async () => {
  home = new Home();
  const url = new URL(database.url);
  [url.username, url.password] = ["stranger", "of a stranger"];
  stranger = new pg.Client(url.href);
  await stranger.connect();
  for (const lock of ADVISORY_LOCKS) await stranger.query("SELECT pg_advisory_lock($1)", [lock]);
  await stranger.query("BEGIN");
});
afterEach(async () => {
  await home.leave();
  await stranger.end();
});

const env = () => ({ ...USER_ENV, WHCB_DB: database.url, WHCB_SECRET_KEY: Buffer.alloc(32, 7).toString("base64") });

/** Takes every lock that it can get on a table, and keeps it: parsing a statement locks its tables without asking for a right. */
async function lockTable(table: string): Promise<void> {
  const statements = [
    ...MODES.map((mode) => `LOCK TABLE ${table} IN ${mode} MODE`),
    `PREPARE ${table}_1 AS SELECT * FROM ${table} FOR UPDATE`,
    `PREPARE ${table}_2 AS DELETE FROM ${table}`,
    `CREATE TEMP VIEW ${table}_3 AS SELECT * FROM ${table}`,
    `CREATE TRIGGER ${table}_4 BEFORE INSERT ON ${table} EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
    `CREATE RULE ${table}_5 AS ON INSERT TO ${table} DO NOTHING`,
    `COMMENT ON TABLE ${table} IS 'mine'`,
    `SELECT * FROM ${table} FOR UPDATE`,
    `ANALYZE ${table}`,
  ];
  for (const statement of statements) {
    await stranger.query("SAVEPOINT before");
    await stranger.query(statement).catch(() => stranger.query("ROLLBACK TO before"));
  }
}

it("keeps no node from creating the tables, whatever it locks", async () => {
  expect(await home.whcb(["db", "migrate"], { env: env() })).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`created version ${LATEST_VERSION}`),
  });
});

it("keeps no node from starting, delivering and stopping, whatever it locks", async () => {
  await home.whcb(["db", "migrate"], { env: env() });
  await database.query("INSERT INTO migrations VALUES (99, 'of a newer whcb', true)");
  const tables = await database.query<{ name: string }>("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'");
  for (const { name } of tables) await lockTable(name);
  const held = await database.query<{ mode: string; locks: number }>(`
    SELECT mode, count(*)::int AS locks FROM pg_locks JOIN pg_class ON relation = oid
    WHERE locktype = 'relation' AND relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY mode ORDER BY mode`);
  const all = tables.length;
  expect(held).toEqual(["AccessShareLock", "RowExclusiveLock", "RowShareLock"].map((mode) => ({ mode, locks: all })));

  const endpoint = await home.listen();
  const node = home.start(["serve", "--port", "0"], { env: env() });
  const [, url = ""] = await node.says(/Listening on (http:\/\/\S+)/);
  const api = new ServedApi(url);
  const callback = await api.create({ name: "demo", url: endpoint.url });
  expect((await api.hand(callback, [callIdOf(0)])).status).toBe(202);
  await eventually(
    () => api.count(callback, "SUCCESS"),
    (delivered) => delivered === 1,
  );
  expect((await node.stop()).code).toBe(0);
});
