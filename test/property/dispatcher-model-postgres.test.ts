import { RUNS } from "../support/dispatcher/arbitrary-commands.js";
import { onPostgres } from "../support/store/fresh-stores.js";
import { describeModel } from "./dispatcher-model.js";

/** A run takes some twenty times as long as on SQLite in memory. */
describeModel("a dispatcher on PostgreSQL under random commands", onPostgres("model"), "clock", RUNS / 10);
