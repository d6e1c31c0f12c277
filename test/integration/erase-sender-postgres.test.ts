import { expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openAdminStore } from "../../src/store/open-store.js";
import { aCallback, accept, aReplay, attempt, callOf, countRows, NOW } from "../contract/store-support.js";
import { aResponse } from "../support/builders.js";
import { createDatabase, type TestDatabase, urlOf } from "../support/postgres/databases.js";
import { eventually } from "../support/process/whcb-process.js";

const MOBILE = "61400123456";
const ADA = { user: "ada@laptop", via: "database", address: null, at: NOW } as const;

it("erases a sender's calls and attempts on PostgreSQL, and keeps ids, counts and everyone else's", async () => {
  const database = await createDatabase("erase");
  const store = await database.openStore();
  const callback = await aCallback(store, { retriesEnabled: true });
  const { responseMessage, from, ...rest } = aResponse();
  const response = {
    ...rest,
    from: { ...from, mobile: MOBILE, email: "Jane@example.com" },
    responseMessage: { ...responseMessage, content: "\u0000 Hi" },
    customParameters: { number: MOBILE },
    given: {
      response: ["from", "responseMessage", "customParameters"],
      from: ["mobile", ["phone", JSON.stringify([MOBILE, "\0"])] as const],
      responseMessage: ["content"],
    },
  };
  const ids = ["PENDING", "FAILED", "SUCCESS"];
  await store.calls.accept([{ callbackId: callback.id, calls: ids.map((id) => ({ id, response })) }], NOW);
  await accept(store, callback, ["OTHER"]);
  const body = `\u0000 you sent ${MOBILE}`;
  const result = { kind: "answered", statusCode: 500, statusMessage: MOBILE, body } as const;
  await attempt(store, callback, ["FAILED", "SUCCESS"], { result });
  await attempt(store, callback, ["SUCCESS"], { result: { ...result, statusCode: 200 } });
  await attempt(store, callback, ["FAILED"], { result: { kind: "unreachable", reason: "dns", detail: MOBILE } });
  const filters = {
    ...{ SENDER: { from: MOBILE, since: NOW }, OTHER: { from: "61400000001" } },
    ...{ ANSWER: { answer: `no contact <${MOBILE}>.` }, EMAIL: { reason: "unknown: jane@example.com" } },
  } as const;
  for (const [id, filter] of Object.entries(filters))
    await store.replays.request(callback.id, aReplay({ filter }, { id, author: ADA }), NOW);
  await database.query("INSERT INTO audit (at, action, via, count, details) VALUES ($1, 'calls-marked', 'api', 1, $2)", [
    NOW - 1,
    JSON.stringify({ status: "SUCCESS", filter: { ...filters.ANSWER, ...filters.EMAIL, text: "Jane" } }),
  ]);
  const other = await callOf(store, callback, "OTHER");
  const erased = await erase(database.url);
  expect(erased).toMatchObject({ callIds: new Set(ids), waiting: 2, attempts: 4, addresses: new Map([[MOBILE, 3]]) });
  const left = await database.query(
    "SELECT seq FROM calls WHERE response LIKE $1 UNION ALL SELECT call_seq FROM attempts WHERE outcome LIKE $1",
    [`%${MOBILE}%`],
  );
  expect(left).toEqual([]);
  expect((await store.replays.list(callback.id, 9)).map(({ id, selection }) => ({ id, selection }))).toEqual([
    { id: "EMAIL", selection: null },
    { id: "ANSWER", selection: null },
    { id: "OTHER", selection: { filter: filters.OTHER } },
    { id: "SENDER", selection: null },
  ]);
  const { items: audit } = await store.audit.list({ limit: 9, offset: 0 });
  expect(audit.map(({ action, count, details }) => ({ action, count, details }))).toEqual([
    { action: "sender-erased", count: 3, details: { mails: 0, filters: 5 } },
    {
      ...{ action: "replay-requested", count: 1 },
      details: { replayId: "SENDER", filter: { status: "FAILED", since: new Date(NOW).toISOString(), from: "(erased)" } },
    },
    {
      ...{ action: "calls-marked", count: 1 },
      details: { status: "SUCCESS", filter: { answer: "(erased)", reason: "(erased)", text: "Jane" } },
    },
  ]);
  expect(Object.fromEntries(await store.calls.findMarkers(callback.id, [await callOf(store, callback, "FAILED")]))).toEqual({
    FAILED: "ada@laptop",
  });
  expect(await callOf(store, callback, "FAILED")).toMatchObject({
    status: "SUCCESS",
    due: null,
    settledBy: "user",
    response: {
      ...rest,
      from: { mobile: "", email: "" },
      responseMessage: { ...responseMessage, content: "" },
      customParameters: {},
    },
  });
  expect(await callOf(store, callback, "OTHER")).toEqual(other);
  expect((await store.calls.listAttempts(callback.id, ["FAILED"])).get("FAILED")).toMatchObject([
    { number: 1, cause: "first", result: { kind: "answered", statusCode: 500, statusMessage: "", body: "" } },
    { number: 2, result: { kind: "unreachable", reason: "dns", detail: "" } },
  ]);
  // What is sent again, since its answer was lost, is still the same response.
  expect(await store.calls.accept([{ callbackId: callback.id, calls: ids.map((id) => ({ id, response })) }], NOW + 2)).toEqual(
    [],
  );
  const another = [{ id: "FAILED", response: { ...response, messageId: "ANOTHER" } }];
  await expect(store.calls.accept([{ callbackId: callback.id, calls: another }], NOW + 3)).rejects.toThrow(
    "The id FAILED belongs to another response",
  );
  expect(await store.calls.count(callback.id)).toEqual({ PENDING: 1, FAILED: 0, SUCCESS: 3 });
  expect(await countRows(store, callback)).toEqual({ PENDING: 1, FAILED: 0, SUCCESS: 3 });
});

it("leaves nothing of the sender in PostgreSQL's statistics", async () => {
  const database = await createDatabase("erase_statistics");
  const store = await database.openStore();
  const callback = await aCallback(store, {});
  const { responseMessage, from, ...rest } = aResponse();
  const calls = Array.from({ length: 50 }, (_, index) => ({
    id: `C${index}`,
    response: {
      ...rest,
      from: { ...from, mobile: `614005550${index + 10}` },
      responseMessage: { ...responseMessage, content: `secret ${index}` },
    },
  }));
  await store.calls.accept([{ callbackId: callback.id, calls }], NOW);
  const body = "no contact 61400555020";
  await attempt(store, callback, ["C10"], { result: { kind: "answered", statusCode: 500, statusMessage: "Failed", body } });
  await attempt(store, callback, ["C11"], { result: { kind: "answered", statusCode: 500, statusMessage: "Failed", body: "no" } });
  await database.query("ANALYZE");
  const statistics = async () => {
    const rows = await database.query("SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE schemaname = 'public'");
    return JSON.stringify(rows);
  };
  expect(await statistics()).toMatch(/61400555020.*secret 10/);
  await erase(database.url, { mobile: "61400555020" });
  const left = await statistics();
  expect(left).toContain("61400555021");
  expect(left).not.toMatch(/61400555020|secret 10/);
});

const SECRET = "my-secret-content";

async function aSecretCall(database: TestDatabase) {
  const store = await database.openStore();
  const callback = await aCallback(store);
  const { responseMessage, from, ...rest } = aResponse();
  const response = { ...rest, from: { ...from, mobile: MOBILE }, responseMessage: { ...responseMessage, content: SECRET } };
  await store.calls.accept([{ callbackId: callback.id, calls: [{ id: "A", response }] }], NOW);
}

async function erase(url: string, { mobile = MOBILE, clock = systemClock, dryRun = false } = {}) {
  const admin = await openAdminStore(url, clock);
  try {
    return await admin.eraseSender({
      isSender: (text) => text === mobile,
      eraseMail: () => null,
      eraseFiles: async () => 0,
      dryRun,
      now: NOW + 1,
      author: { ...ADA, at: NOW + 1 },
    });
  } finally {
    await admin.close();
  }
}

async function isInTableFile(database: TestDatabase): Promise<boolean> {
  await database.query("CHECKPOINT");
  const [row] = await database.query<{ is_there: boolean }>(
    "SELECT position(convert_to($1, 'UTF8') IN pg_read_binary_file(pg_relation_filepath('calls'))) > 0 AS is_there",
    [SECRET],
  );
  return row?.is_there ?? false;
}

it("changes nothing for a user that may not rewrite the tables, and works for their owner", async () => {
  const database = await createDatabase("erase_rights");
  await aSecretCall(database);
  await database.query("CREATE ROLE erase_node LOGIN PASSWORD 'of-a-node'");
  await database.query("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO erase_node");
  await database.query("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO erase_node");
  await database.query("ALTER TABLE calls OWNER TO erase_node");
  const url = new URL(urlOf("erase_rights"));
  url.username = "erase_node";
  url.password = "of-a-node";
  const changed = "SELECT action FROM audit UNION ALL SELECT name FROM settings WHERE name = 'unfinished-erasure'";
  const before = await database.query(changed);
  for (const dryRun of [true, false]) {
    await expect(erase(url.href, { dryRun })).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("may not rewrite the tables attempts, audit, mails, replays,"),
      hint: "run this as the owner of the tables",
    });
  }
  expect(await database.query(changed)).toEqual(before);
  expect(await database.query("SELECT id FROM calls WHERE response LIKE $1", [`%${SECRET}%`])).toEqual([{ id: "A" }]);
  for (const table of ["attempts", "mails", "replays", "audit"]) await database.query(`ALTER TABLE ${table} OWNER TO erase_node`);
  expect((await erase(url.href)).callIds.size).toBe(1);
  expect(await isInTableFile(database)).toBe(false);
});

it("rewrites the tables however long that takes, whatever time the database gives a statement", async () => {
  const database = await createDatabase("erase_timeout");
  await aSecretCall(database);
  const reader = await database.connect();
  await reader.query("BEGIN");
  await reader.query("LOCK TABLE calls IN ACCESS SHARE MODE");
  await database.query("ALTER DATABASE erase_timeout SET statement_timeout = '1s'");
  const ends: unknown[] = [];
  const erased = erase(database.url).then(
    () => ends.push("erased"),
    (error: unknown) => ends.push(error),
  );
  const waiting = `SELECT pid FROM pg_stat_activity WHERE datname = 'erase_timeout' AND query LIKE 'VACUUM%'
    AND state = 'active' AND clock_timestamp() - query_start > interval '1.2 s'`;
  await eventually(
    () => database.query(waiting),
    (rows) => rows.length > 0 || ends.length > 0,
  );
  await reader.query("ROLLBACK");
  await erased;
  expect(ends).toEqual(["erased"]);
  expect(await isInTableFile(database)).toBe(false);
});

it("isn't complete while an older snapshot is open, which says who has it; the next one rewrites the tables", async () => {
  const database = await createDatabase("erase_snapshot");
  await aSecretCall(database);
  const reader = await database.connect();
  await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await reader.query("SELECT 1");
  const impatient = { ...systemClock, sleepUntil: async () => {} };
  for (let times = 0; times < 2; times += 1) {
    await expect(erase(database.url, { clock: impatient })).rejects.toMatchObject({
      code: "unavailable",
      // Other tests write in databases of the same server.
      message: expect.stringMatching(/^the transaction of connection \d+ /),
    });
    expect(await isInTableFile(database)).toBe(true);
  }
  let slept = 0;
  const sleepUntil = async (at: number) => {
    slept += 1;
    await reader.query("ROLLBACK");
    // Transactions of other tests take seconds on a busy machine.
    await systemClock.sleepUntil(at + 500);
  };
  expect((await erase(database.url, { clock: { ...systemClock, sleepUntil } })).callIds.size).toBe(0);
  expect(slept).toBeGreaterThan(0);
  expect(await isInTableFile(database)).toBe(false);
});

it("isn't complete either while a transaction of another database of the server writes", async () => {
  const database = await createDatabase("erase_beside");
  const other = await createDatabase("erase_other");
  await aSecretCall(database);
  const writer = await other.connect();
  await writer.query("BEGIN");
  await writer.query("SELECT pg_current_xact_id()");
  const impatient = { ...systemClock, sleepUntil: async () => {} };
  await expect(erase(database.url, { clock: impatient })).rejects.toMatchObject({ code: "unavailable" });
  await writer.query("ROLLBACK");
  expect((await erase(database.url)).callIds.size).toBe(0);
  expect(await isInTableFile(database)).toBe(false);
});
