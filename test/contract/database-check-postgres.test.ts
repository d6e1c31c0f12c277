import { beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { checkDatabase } from "../../src/store/maintenance/check-database.js";
import { migrateDatabase, type Store } from "../../src/store/open-store.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { describeCheck, describeSchemaCheck } from "./database-check.js";

let database: TestDatabase;
let planted: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await createDatabase("checked");
  planted = await createDatabase("planted");
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

async function renew(): Promise<void> {
  await planted.query("DROP SCHEMA IF EXISTS other CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  await migrateDatabase(planted.url);
}

describeSchemaCheck("postgres", async () => {
  await renew();
  return { url: planted.url, plant: async (statement) => void (await planted.query(statement)) };
}, [
  [
    `CREATE FUNCTION redirect() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.url = ''x''; RETURN NEW; END';
       CREATE TRIGGER redirecting BEFORE INSERT ON callbacks FOR EACH ROW EXECUTE FUNCTION redirect()`,
    ["function redirect(): isn't part of whcb's schema", "trigger redirecting on callbacks: isn't part of whcb's schema"],
  ],
  ["CREATE RULE hiding AS ON INSERT TO notices DO INSTEAD NOTHING", ["rule hiding on notices: isn't part of whcb's schema"]],
  ["CREATE POLICY hiding ON calls USING (false)", ["policy hiding on calls: isn't part of whcb's schema"]],
  [
    "CREATE OR REPLACE FUNCTION lower_case(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT $1'",
    ["function lower_case(text): differs from what whcb creates"],
  ],
  [
    "CREATE FUNCTION instr(text, varchar) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    ["function instr(text,character varying): isn't part of whcb's schema"],
  ],
  [
    "CREATE OPERATOR * (LEFTARG = timestamptz, RIGHTARG = interval, FUNCTION = timestamptz_pl_interval)",
    ["operator *(timestamp with time zone,interval): isn't part of whcb's schema"],
  ],
  [
    "CREATE SCHEMA other; CREATE TABLE other.calls () INHERITS (public.calls)",
    ["table other.calls: isn't part of whcb's schema"],
  ],
  ["CREATE MATERIALIZED VIEW copied AS SELECT url FROM callbacks", ["view copied: isn't part of whcb's schema"]],
  [
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'calls_due'::regclass",
    ["index calls_due: differs from what whcb creates"],
  ],
]);

it("takes tuning, statistics, rights and other schemas for what they are", async () => {
  await renew();
  await planted.query(`
    CREATE SCHEMA other; CREATE TABLE other.calls (id integer); CREATE VIEW other.spying AS SELECT url FROM public.callbacks;
    CREATE FUNCTION other.lower_case(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
    ALTER TABLE calls SET (autovacuum_enabled = false); ANALYZE; GRANT SELECT ON calls TO PUBLIC`);
  expect(await checkDatabase(planted.url, systemClock, () => undefined)).toMatchObject({ problems: [], unchecked: null });
  expect(await planted.query("SELECT FROM pg_namespace WHERE nspname LIKE 'whcb%'")).toEqual([]);
});

it("says that the schema of a user who may not create one wasn't checked", async () => {
  await renew();
  await planted.query("CREATE ROLE reader LOGIN PASSWORD 'reads'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
  await planted.query("GRANT USAGE ON SCHEMA public TO reader");
  const url = new URL(planted.url);
  [url.username, url.password] = ["reader", "reads"];
  expect(await checkDatabase(url.href, systemClock, () => undefined)).toMatchObject({ problems: [], unchecked: "schema" });
  await planted.query("DROP OWNED BY reader; DROP ROLE reader");
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
