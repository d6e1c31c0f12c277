import { beforeAll } from "vitest";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { describeKeptResponses } from "./kept-responses.js";

let database: TestDatabase;
let hasTables = false;

beforeAll(async () => {
  database = await createDatabase("kept_responses");
});

describeKeptResponses("PostgreSQL", async () => {
  if (hasTables) await database.clear();
  hasTables = true;
  return database.url;
});
