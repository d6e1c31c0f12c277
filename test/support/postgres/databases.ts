/** Databases of their own, on the cluster of the test run. */
import pg from "pg";
import { inject } from "vitest";
import { systemClock } from "../../../src/platform/clock.js";
import { type OpenStoreOptions, openStore, type Store } from "../../../src/store/open-store.js";

export interface TestDatabase {
  readonly url: string;
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Opens a connection for a transaction. It is closed at the end. */
  connect(): Promise<pg.Client>;
  /** Opens another store, which is closed at the end. */
  openStore(options?: Pick<OpenStoreOptions, "clock" | "isServed" | "isSent">): Promise<Store>;
  /** Removes all rows. */
  clear(): Promise<void>;
}

/** The tables are small while they take less than this together, without their indexes. */
const SMALL_BYTES = 512 * 1024;

const SECRET_KEY = new Uint8Array(32);

const dropping: (() => Promise<void>)[] = [];

/** Closes what was opened in the databases of this test file, and drops them. */
export async function dropDatabases(): Promise<void> {
  for (const drop of dropping.splice(0)) await drop();
}

/** The database is empty, and is dropped at the end of the test file. */
export async function createDatabase(name: string): Promise<TestDatabase> {
  const server = new pg.Client(inject("postgresUrl"));
  await server.connect();
  await server.query(`CREATE DATABASE ${server.escapeIdentifier(name)}`);
  const url = urlOf(name);
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  // Its end isn't that of its connections, which the database's end may break.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const stores: Store[] = [];
  const clients: pg.Client[] = [];
  let clearing: string | null = null;
  dropping.push(async () => {
    for (const store of stores) await store.close();
    for (const client of clients) await client.end();
    await pool.end();
    await server.query(`DROP DATABASE ${server.escapeIdentifier(name)} WITH (FORCE)`);
    await server.end();
  });
  return {
    url,
    query: async (text, values = []) => (await pool.query(text, [...values])).rows,
    async connect() {
      const client = new pg.Client(url);
      clients.push(client);
      await client.connect();
      return client;
    },
    async openStore(options = { clock: systemClock }) {
      const store = await openStore({ url, secretKey: SECRET_KEY, ...options });
      stores.push(store);
      return store;
    },
    async clear() {
      clearing ??= await clearingOf(pool);
      await pool.query(clearing);
    },
  };
}

/** TRUNCATE makes new files, so deleting is far faster for small tables. In large ones the dead rows would slow the next test down. */
async function clearingOf(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ tables: string; sizes: string; deletes: string }>(`
    SELECT string_agg(format('%I', tablename), ', ') AS tables,
      string_agg(format('pg_relation_size(%L)', tablename), ' + ') AS sizes,
      string_agg(format('DELETE FROM %I', tablename), '; ') AS deletes
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'`);
  const { rows: sequences } = await pool.query<{ restart: string }>(
    "SELECT string_agg(format('ALTER SEQUENCE %I RESTART', sequencename), '; ') AS restart FROM pg_sequences WHERE schemaname = 'public'",
  );
  const { tables = "", sizes = "", deletes = "" } = rows[0] ?? {};
  // The order doesn't matter without foreign keys.
  return `DO $$ BEGIN
    IF ${sizes} > ${SMALL_BYTES} THEN TRUNCATE ${tables} RESTART IDENTITY;
    ELSE SET LOCAL session_replication_role = replica; ${deletes}; ${sequences[0]?.restart};
    END IF;
  END $$`;
}

export function urlOf(name: string): string {
  const url = new URL(inject("postgresUrl"));
  url.pathname = name;
  return url.href;
}
