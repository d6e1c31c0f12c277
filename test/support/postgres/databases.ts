/** Databases of their own, on the cluster of the test run. */
import pg from "pg";
import { afterAll, inject } from "vitest";
import { systemClock } from "../../../src/platform/clock.js";
import { openStore } from "../../../src/store/open-store.js";
import type { Store } from "../../../src/store/store.js";

export interface TestDatabase {
  readonly url: string;
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** For a transaction; closed at the end. */
  connect(): Promise<pg.Client>;
  /** Another one on it, closed at the end. */
  openStore(): Promise<Store>;
  /** Removes all rows. */
  clear(): Promise<void>;
}

const SECRET_KEY = new Uint8Array(32);

/** Empty; dropped at the end of the test file. */
export async function createDatabase(name: string): Promise<TestDatabase> {
  const server = new pg.Client(inject("postgresUrl"));
  await server.connect();
  await server.query(`CREATE DATABASE ${server.escapeIdentifier(name)}`);
  const url = urlOf(name);
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const stores: Store[] = [];
  const clients: pg.Client[] = [];
  afterAll(async () => {
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
    async openStore() {
      const store = await openStore({ url, clock: systemClock, secretKey: SECRET_KEY });
      stores.push(store);
      return store;
    },
    async clear() {
      const { rows } = await pool.query<{ name: string }>(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'",
      );
      await pool.query(`TRUNCATE ${rows.map((row) => row.name).join(", ")} RESTART IDENTITY`);
    },
  };
}

export function urlOf(name: string): string {
  const url = new URL(inject("postgresUrl"));
  url.pathname = name;
  return url.href;
}
