/** Which roles' tables a service uses. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { someSettings } from "../support/builders.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

const PASSWORD = "of-a-role-of-these-tests";

let database: TestDatabase;
let home: Home;

beforeAll(async () => {
  database = await createDatabase("table_owners");
  for (const role of ["owners_report", "owners_service", "owners_migrator"]) {
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
  }
});
afterAll(async () => {
  await database.query("DROP OWNED BY owners_report, owners_service, owners_migrator");
  await database.query("DROP ROLE owners_report, owners_service, owners_migrator");
});

beforeEach(async () => {
  home = new Home();
  await database.query("DROP SCHEMA public CASCADE");
  await database.query("CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC");
});
afterEach(() => home.leave());

function urlAs(role: string): string {
  const url = new URL(database.url);
  [url.username, url.password] = [role, PASSWORD];
  return url.href;
}

const envOf = (url: string) => ({ ...USER_ENV, WHCB_DB: url, WHCB_SECRET_KEY: Buffer.alloc(32, 7).toString("base64") });
const GRANTS = "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC";

const MESSAGE =
  /^error: .*\/table_owners has tables of the role owners_report, which can change what they hold and do\nhint: .*ALTER SCHEMA public OWNER TO owners_report/;

it.each([
  ["a service", () => urlAs("owners_service")],
  ["a superuser", () => database.url],
])("refuses those that a stranger made before, as %s", async (_, urlOf) => {
  expect(await home.whcb(["db", "migrate"], { env: envOf(urlAs("owners_report")) })).toMatchObject({ code: 0 });
  await database.query(GRANTS);
  const commands = [
    ["serve", "--port", "0"],
    ["db", "check"],
    ["db", "migrate"],
    ["users", "list"],
  ];
  for (const argv of commands) {
    expect(await home.whcb(argv, { env: envOf(urlOf()) })).toMatchObject({
      code: 4,
      stdout: "",
      stderr: expect.stringMatching(MESSAGE),
    });
  }
});

it("refuses those that a stranger makes while it starts", async () => {
  const stranger = await database.connect();
  await stranger.query("SET ROLE owners_report; BEGIN");
  await stranger.query(
    "CREATE TABLE migrations (version integer PRIMARY KEY, name text NOT NULL); GRANT ALL ON migrations TO PUBLIC",
  );
  const opening = openStore({ url: database.url, clock: systemClock, secretKey: new Uint8Array(32) });
  const waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  await eventually(
    () => database.query(waits),
    (rows) => rows.length > 0,
  );
  await stranger.query("COMMIT");
  await expect(opening).rejects.toMatchObject({ code: "config", message: expect.stringContaining("owners_report") });
});

it("refuses those of a role that has made it a member, as any role may up to PostgreSQL 14", async () => {
  await home.whcb(["db", "migrate"], { env: envOf(urlAs("owners_report")) });
  await database.query(`${GRANTS}; GRANT owners_report TO owners_service`);
  const env = envOf(urlAs("owners_service"));
  expect(await home.whcb(["users", "list"], { env })).toMatchObject({ code: 4, stderr: expect.stringMatching(MESSAGE) });
  await database.query("ALTER SCHEMA public OWNER TO owners_report");
  expect(await home.whcb(["users", "list"], { env })).toMatchObject({ code: 0 });
  await database.query("REVOKE owners_report FROM owners_service");
});

it("keeps to the schema that it has found, whatever schema another role makes with its user's name, and then refuses to start", async () => {
  const store = await openStore({ url: urlAs("owners_service"), clock: systemClock, secretKey: new Uint8Array(32) });
  await store.callbacks.create("A", someSettings({ name: "a" }), 0);
  await database.query(
    "CREATE SCHEMA owners_service AUTHORIZATION owners_report; GRANT USAGE ON SCHEMA owners_service TO PUBLIC",
  );
  for (const table of ["callbacks", "nodes"]) {
    await database.query(`CREATE TABLE owners_service.${table} (LIKE public.${table} INCLUDING ALL)`);
    await database.query(`GRANT ALL ON owners_service.${table} TO PUBLIC`);
  }
  expect(await store.callbacks.find("A")).not.toBeNull();
  await store.nodes?.joinNodes("node", {});
  expect(await database.query("SELECT FROM owners_service.nodes")).toEqual([]);
  await store.close();

  const argv = ["users", "list"];
  expect(await home.whcb(argv, { env: envOf(urlAs("owners_service")) })).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/^error: The schema owners_service of .*\/table_owners is of the role owners_report/),
  });
  const named = envOf(`${urlAs("owners_service")}?options=-csearch_path%3Dpublic`);
  expect(await home.whcb(argv, { env: named })).toMatchObject({ code: 0 });
  await database.query("DROP SCHEMA owners_service CASCADE");
});

it("looks for its schema once, whatever schema is made while it starts that comes before in the user's search_path", async () => {
  const store = await openStore({
    url: `${urlAs("owners_service")}?options=-csearch_path%3Dearlier,public`,
    clock: systemClock,
    secretKey: async () => {
      await database.query("CREATE SCHEMA earlier; GRANT USAGE ON SCHEMA earlier TO PUBLIC");
      await database.query("CREATE TABLE earlier.nodes (LIKE public.nodes INCLUDING ALL); GRANT ALL ON earlier.nodes TO PUBLIC");
      return new Uint8Array(32);
    },
  });
  try {
    expect(await store.nodes?.joinNodes("node", {})).toMatchObject({ kind: "joined" });
    expect(await database.query("SELECT id FROM public.nodes")).toEqual([{ id: "node" }]);
  } finally {
    await store.close();
    await database.query("DROP SCHEMA earlier CASCADE");
  }
});

it("says that the user's search_path leads to no schema", async () => {
  const env = envOf(`${urlAs("owners_service")}?options=-csearch_path%3Dnowhere`);
  expect(await home.whcb(["users", "list"], { env })).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/^error: .*\/table_owners has no schema to use\nhint: check the user's search_path/),
  });
});

it("serves with the rights to the rows only, where the schema's owner migrates", async () => {
  const rights = "ALTER DEFAULT PRIVILEGES FOR ROLE owners_migrator IN SCHEMA whcb GRANT";
  await database.query(`
    CREATE SCHEMA whcb AUTHORIZATION owners_migrator; GRANT USAGE ON SCHEMA whcb TO owners_service;
    ALTER ROLE owners_migrator SET search_path = whcb; ALTER ROLE owners_service SET search_path = whcb;
    ${rights} SELECT, INSERT, UPDATE, DELETE ON TABLES TO owners_service; ${rights} USAGE ON SEQUENCES TO owners_service`);
  expect(await home.whcb(["db", "migrate"], { env: envOf(urlAs("owners_migrator")) })).toMatchObject({ code: 0 });

  const env = envOf(urlAs("owners_service"));
  const endpoint = await home.listen();
  const node = home.start(["serve", "--port", "0", "--log-level", "warn"], { env });
  const [, url = ""] = await node.says(/Listening on (http:\/\/\S+)/);
  const api = new ServedApi(url);
  const callback = await api.create({ name: "demo", url: endpoint.url });
  expect((await api.hand(callback, [callIdOf(0)])).status).toBe(202);
  await eventually(
    () => api.count(callback, "SUCCESS"),
    (delivered) => delivered === 1,
  );
  const { code, stderr } = await node.stop();
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('"level"')]);
  expect(await home.whcb(["db", "check"], { env })).toMatchObject({ code: 0 });
});
