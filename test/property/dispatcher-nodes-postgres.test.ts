import fc from "fast-check";
import { beforeAll, it } from "vitest";
import { SEED } from "../support/dispatcher/arbitrary-commands.js";
import { createSharedDatabase, type SharedDatabase } from "../support/dispatcher/nodes/shared-database.js";
import { nodesProperty } from "./dispatcher-nodes.js";

let database: SharedDatabase;

beforeAll(async () => {
  database = await createSharedDatabase("nodes_model");
});

it(
  "two dispatchers lose nothing, repeat only what a lost lease left open, and owe one e-mail an outage",
  { timeout: 600_000 },
  () =>
    fc.assert(
      nodesProperty(() => database),
      { numRuns: 5, seed: SEED },
    ),
);
