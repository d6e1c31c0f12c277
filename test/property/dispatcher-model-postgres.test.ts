import { anyCommandOrJump, RUNS } from "../support/dispatcher/arbitrary-commands.js";
import { onPostgres } from "../support/store/fresh-stores.js";
import { describeAgreement } from "./dispatcher-model.js";

/** A run takes some twenty times as long as on SQLite in memory. */
describeAgreement("a dispatcher on PostgreSQL under random commands", onPostgres("model"), {
  commands: anyCommandOrJump,
  count: RUNS / 20,
});
