/** One PostgreSQL database of two nodes, whose clock stands still until it is set: the statements of leases are the product's own. */
import type { Store } from "../../../../src/store/open-store.js";
import { createDatabase, type TestDatabase } from "../../postgres/databases.js";

export interface SharedDatabase extends Pick<TestDatabase, "query" | "clear"> {
  /** Each node has its own connections. */
  readonly stores: readonly [Store, Store];
  setTime(epochMs: number): Promise<void>;
}

export async function createSharedDatabase(name: string): Promise<SharedDatabase> {
  const database = await createDatabase(name);
  // The function below is found before PostgreSQL's own.
  await database.query(`ALTER DATABASE ${name} SET search_path = public, pg_catalog`);
  const stores = [await database.openStore(), await database.openStore()] as const;
  // Setting it is no transaction that nodes would look at.
  await database.query("CREATE SCHEMA model");
  await database.query("CREATE UNLOGGED SEQUENCE model.epoch_ms");
  await database.query(`
    CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT to_timestamp(last_value::numeric / 1000) FROM model.epoch_ms'`);
  return {
    stores,
    query: database.query,
    clear: database.clear,
    async setTime(epochMs) {
      await database.query("SELECT setval('model.epoch_ms', $1)", [epochMs]);
    },
  };
}
