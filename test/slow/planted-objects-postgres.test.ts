/** Another role may create objects in whcb's schema, as every role may in the schema `public` of PostgreSQL 14. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { functionsOfStore, plantObjects } from "../support/postgres/planted-objects.js";
import { ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});
afterEach(() => home.leave());

const envOf = ({ url }: Pick<TestDatabase, "url">) => ({
  ...USER_ENV,
  WHCB_DB: url,
  WHCB_SECRET_KEY: Buffer.alloc(32, 7).toString("base64"),
});

const SENDER = "61491570156";

/** What a role may do that doesn't own the database depends on statements that others skip. */
async function asNode(database: TestDatabase): Promise<Pick<TestDatabase, "url">> {
  const url = new URL(database.url);
  [url.username, url.password] = ["planted_node", "of-a-node"];
  await database.query("GRANT ALL ON SCHEMA public TO planted_node");
  await database.query(`GRANT CREATE ON DATABASE ${url.pathname.slice(1)} TO planted_node`);
  return { url: url.href };
}

/** One response is accepted and delivered. Returns the log. */
async function serveOnce(database: Pick<TestDatabase, "url">): Promise<string> {
  const endpoint = await home.listen();
  const node = home.start(["serve", "--port", "0", "--log-level", "warn"], { env: envOf(database) });
  const [, url = ""] = await node.says(/Listening on (http:\/\/\S+)/);
  const api = new ServedApi(url);
  const callback = await api.create({ name: `at ${endpoint.url}`, url: endpoint.url });
  const accepted = await api.fetch(`/callbacks/${callback}/calls`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ from: { mobile: SENDER }, responseMessage: { content: "hello" } }),
  });
  expect(accepted.status).toBe(202);
  await eventually(
    () => api.count(callback, "SUCCESS"),
    (delivered) => delivered === 1,
  );
  const { code, stderr } = await node.stop();
  expect(code).toBe(0);
  return stderr;
}

it("runs nothing of what it adds as whcb's role: serving, copying, erasing and checking", async () => {
  const database = await createDatabase("planted_nodes");
  await database.query("CREATE ROLE planted_node LOGIN PASSWORD 'of-a-node'");
  await plantObjects(database);
  expect(await serveOnce(await asNode(database))).not.toContain("planted:");
  const target = await createDatabase("planted_copy");
  await plantObjects(target);
  await serveOnce({ url: "source.db" });
  const env = envOf(await asNode(target));
  expect(await home.whcb(["db", "copy", "--from", "source.db"], { env })).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining("planted:"),
  });
  expect(await home.whcb(["db", "erase", "--sender", SENDER, "--yes"], { env })).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining("planted:"),
  });
  const check = await home.whcb(["db", "check"], { env });
  expect(check).toMatchObject({ code: 8, stdout: expect.stringContaining("isn't part of whcb's schema") });
});

it("can't take a call from a function that takes any number of any values: those are qualified", async () => {
  const database = await createDatabase("any_values");
  const taken = await database.query<{ name: string }>(
    `SELECT DISTINCT proname AS name FROM pg_proc WHERE provariadic = '"any"'::regtype AND proname = ANY($1)`,
    [functionsOfStore()],
  );
  expect(taken).toEqual([]);
});

it("is warned of when a node starts", async () => {
  const database = await createDatabase("open_schema");
  expect(await serveOnce(database)).not.toContain("may create objects");
  await database.query("GRANT CREATE ON SCHEMA public TO PUBLIC");
  expect(await serveOnce(database)).toContain('"roles":["PUBLIC"],"msg":"Other roles may create objects');
});
