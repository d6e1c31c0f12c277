import { createServer, type Server } from "node:net";
import { inspect } from "node:util";
import { Kysely, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { isWhcbError } from "../../../../src/domain/errors.js";
import { systemClock } from "../../../../src/platform/clock.js";
import { openStore, type Store } from "../../../../src/store/open-store.js";
import { openPool } from "../../../../src/store/postgres/open-postgres.js";
import { postgresDialect } from "../../../../src/store/postgres/postgres-dialect.js";
import type { Db, Schema } from "../../../../src/store/schema.js";
import { executeByIndex, transact } from "../../../../src/store/sql/transactions.js";
import { someSettings } from "../../../support/builders.js";
import { createDatabase, type TestDatabase, urlOf } from "../../../support/postgres/databases.js";

const PASSWORD = "not the password";

let database: TestDatabase;
let store: Store;
let deaf: Server;
let notTls: Server;

beforeAll(async () => {
  database = await createDatabase("errors");
  store = await database.openStore();
  await database.query("CREATE ROLE reader LOGIN PASSWORD 'reader'");
  deaf = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => deaf.listen(0, "127.0.0.1", resolve));
  let connections = 0;
  notTls = createServer((socket) => {
    socket.on("error", () => undefined);
    const answer = connections++ === 0 ? "E" : "S";
    socket.once("data", () => socket.write(answer, () => setTimeout(() => socket.write("not TLS"), 20)));
  });
  await new Promise<void>((resolve) => notTls.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  deaf.close();
  notTls.close();
  await database.query("DROP ROLE reader");
});

/** Returns the database's URL with other parts. */
function other(parts: Partial<URL>): string {
  return Object.assign(new URL(database.url), parts).href;
}

const portOf = (server: Server): string => {
  const address = server.address();
  return String(typeof address === "object" ? address?.port : "");
};

async function failureOf(url: string): Promise<{ code: string; message: string; hint: string | undefined; shown: string }> {
  try {
    await (await openStore({ url, clock: systemClock, secretKey: new Uint8Array(32) })).close();
  } catch (error) {
    if (isWhcbError(error)) {
      const { code, message, hint } = error;
      return { code, message, hint, shown: inspect(error, { depth: 9, showHidden: true }) };
    }
    throw error;
  }
  throw new Error("It opens");
}

describe("a PostgreSQL database that can't be opened", () => {
  it.each([
    ["another password", () => other({ password: PASSWORD }), "config", "The database rejects this user"],
    ["an unknown user", () => other({ username: "nobody", password: PASSWORD }), "config", "The database rejects this user"],
    ["an unknown database", () => urlOf("nowhere"), "config", "The database doesn't exist on its server"],
    [
      "no right to create tables",
      () => other({ username: "reader", password: "reader" }),
      "config",
      "The database's user lacks a right",
    ],
    ["a port where nothing listens", () => other({ port: "9" }), "unavailable", "The database can't be reached"],
    [
      "an unknown host",
      () => other({ hostname: "nowhere.invalid" }),
      "unavailable",
      "The database's host name can't be resolved",
    ],
    [
      "a server that closes the connection",
      () => other({ port: portOf(deaf) }),
      "unavailable",
      "The connection to the database was lost",
    ],
    [
      "a server that can't begin TLS",
      () => `postgres://me:${PASSWORD}@127.0.0.1:${portOf(notTls)}/y?sslmode=require`,
      "unavailable",
      "What answers as the database fails at the beginning of TLS",
    ],
    [
      "a server that begins something else",
      () => `postgres://me:${PASSWORD}@127.0.0.1:${portOf(notTls)}/y?sslmode=require`,
      "unavailable",
      "What answers as the database fails at the beginning of TLS",
    ],
    ["an invalid URL", () => `postgres://me:${PASSWORD}@:x/y`, "config", "The database's URL is invalid"],
  ])("%s", async (_name, url, code, message) => {
    const failure = await failureOf(url());
    expect(failure).toMatchObject({ code, message });
    expect(failure.hint).toBeTruthy();
    const { password } = new URL(inject("postgresUrl"));
    for (const secret of [PASSWORD, password, decodeURIComponent(password)]) expect(failure.shown).not.toContain(secret);
  });
});

describe("a PostgreSQL database that is open", () => {
  it("is unavailable while it is read-only, and works afterwards", async () => {
    const callback = await store.callbacks.create("A", someSettings({ name: "a" }), 0);
    await database.query("ALTER DATABASE errors SET default_transaction_read_only = on");
    const reader = await openStore({ url: database.url, clock: systemClock, secretKey: new Uint8Array(32) });
    expect(await reader.callbacks.find("A")).toEqual(callback);
    const readOnly = { code: "unavailable", message: "The database is read-only" };
    await expect(reader.checkWritable()).rejects.toMatchObject(readOnly);
    await expect(reader.callbacks.delete("A", 0)).rejects.toMatchObject(readOnly);
    // This counts for new connections. The others are still to a server that is read-only.
    await database.query("ALTER DATABASE errors RESET default_transaction_read_only");
    await reader.checkWritable();
    await reader.close();
    await store.checkWritable();
  });

  it("is unavailable for the statement whose connection is lost, and reconnects for the next", async () => {
    const blocker = await database.connect();
    await blocker.query("BEGIN; LOCK TABLE settings IN ACCESS EXCLUSIVE MODE");
    const waiting = store.checkWritable().catch((error: unknown) => error);
    await until(async () => (await blockedBackends()).length > 0);
    for (const pid of await blockedBackends()) await database.query("SELECT pg_terminate_backend($1)", [pid]);
    expect(await waiting).toMatchObject({ code: "unavailable" });
    await blocker.query("ROLLBACK");
    await store.checkWritable();
  });

  it("loses its locks when it pauses within a transaction, and no setting lasts longer than its transaction", async () => {
    const pool = openPool(database.url);
    const db: Db = new Kysely<Schema>({ dialect: postgresDialect(pool) });
    const read = async (from: Db) => {
      const { rows } = await sql<{ statement: string; idle: string; sort: string }>`
        SELECT current_setting('statement_timeout') AS statement, current_setting('idle_in_transaction_session_timeout') AS idle,
          current_setting('enable_sort') AS sort`.execute(from);
      return rows[0];
    };
    const outside = { statement: "0", idle: "0", sort: "on" };
    expect(await transact(db, read)).toEqual({ statement: "30s", idle: "10s", sort: "on" });
    expect(await read(db)).toEqual(outside);
    const { rows } = await executeByIndex(db, sql<{ sort: string }>`SELECT current_setting('enable_sort') AS sort`);
    expect(rows).toEqual([{ sort: "off" }]);
    expect(await read(db)).toEqual(outside);
    await db.destroy();
    expect(pool.totalCount).toBe(0);
  });

  it("survives the loss of idle connections", async () => {
    await store.checkWritable();
    await database.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'whcb' AND datname = 'errors'",
    );
    await until(() =>
      store.checkWritable().then(
        () => true,
        () => false,
      ),
    );
  });
});

async function blockedBackends(): Promise<number[]> {
  const rows = await database.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'whcb' AND datname = 'errors' AND wait_event_type = 'Lock'",
  );
  return rows.map(({ pid }) => pid);
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setImmediate(resolve));
}
