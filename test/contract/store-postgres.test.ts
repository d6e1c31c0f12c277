/**
 * The store's contract on PostgreSQL. Other roles may create objects in the schema `public` of PostgreSQL 14, and of what was upgraded from
 * it: no statement of the store uses them, nor depends on the settings of its database.
 */
import { beforeAll } from "vitest";
import type { Store } from "../../src/store/open-store.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { plantObjects } from "../support/postgres/planted-objects.js";
import { describeStore } from "./store.js";
import type { OpenStore } from "./store-support.js";

const UNUSUAL_SETTINGS = {
  backslash_quote: "off",
  bytea_output: "escape",
  DateStyle: "German",
  extra_float_digits: "-15",
  IntervalStyle: "sql_standard",
  quote_all_identifiers: "on",
  standard_conforming_strings: "off",
  TimeZone: "Asia/Kathmandu",
  transform_null_equals: "on",
};

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await createDatabase("contract");
  for (const [name, value] of Object.entries(UNUSUAL_SETTINGS))
    await database.query(`ALTER DATABASE contract SET ${name} = '${value}'`);
  await plantObjects(database);
  store = await database.openStore();
});

async function open(options?: Parameters<OpenStore>[0]): Promise<Store> {
  await database.clear();
  return options === undefined ? store : database.openStore(options);
}

describeStore("postgres", open, 6);
