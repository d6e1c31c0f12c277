/**
 * The store's contract on PostgreSQL. Other roles may create objects in the schema `public` of PostgreSQL 14, and of what was upgraded from
 * it: no statement of the store uses them.
 */
import { beforeAll } from "vitest";
import type { Store } from "../../src/store/open-store.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { plantObjects } from "../support/postgres/planted-objects.js";
import { describeStore } from "./store.js";
import type { OpenStore } from "./store-support.js";

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await createDatabase("contract");
  await plantObjects(database);
  store = await database.openStore();
});

async function open(options?: Parameters<OpenStore>[0]): Promise<Store> {
  await database.clear();
  return options === undefined ? store : database.openStore(options);
}

describeStore("postgres", open, 6);
