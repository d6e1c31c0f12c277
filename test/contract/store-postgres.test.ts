/** The store's contract on PostgreSQL. */
import { beforeAll } from "vitest";
import type { Store } from "../../src/store/store.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { describeStore } from "./store.js";

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await createDatabase("contract");
  store = await database.openStore();
});

async function open(): Promise<Store> {
  await database.clear();
  return store;
}

describeStore("postgres", open, 15);
