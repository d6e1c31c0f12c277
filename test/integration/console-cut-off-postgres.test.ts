import { beforeAll } from "vitest";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { describeCutOff } from "./console-cut-off.js";

let database: TestDatabase;
let hasTables = false;

beforeAll(async () => {
  database = await createDatabase("console_cut_off");
});

describeCutOff("PostgreSQL", async () => {
  if (hasTables) await database.clear();
  hasTables = true;
  return [await database.openStore(), await database.openStore()];
});
