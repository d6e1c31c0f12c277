/** Tests that need an empty store again and again get one on each kind of database. */
import { beforeAll } from "vitest";
import { systemClock } from "../../../src/platform/clock.js";
import { openStore, type Store } from "../../../src/store/open-store.js";
import { createDatabase, type TestDatabase } from "../postgres/databases.js";

export type WithFreshStore = (use: (store: Store) => Promise<void>) => Promise<void>;

export const onSqlite: WithFreshStore = async (use) => {
  const store = await openStore({ url: ":memory:", clock: systemClock, secretKey: new Uint8Array(32) });
  try {
    await use(store);
  } finally {
    await store.close();
  }
};

/** One dispatcher owns every callback without a lease, as with SQLite, because the database's clock would end a lease. */
export function onPostgres(name: string): WithFreshStore {
  let database: TestDatabase;
  let store: Store;
  beforeAll(async () => {
    database = await createDatabase(name);
    store = { ...(await database.openStore()), nodes: null };
  });
  return async (use) => {
    await database.clear();
    await use(store);
  };
}
