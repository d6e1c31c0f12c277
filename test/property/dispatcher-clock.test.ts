/** Its own file, so that it runs in parallel. */
import { RUNS } from "../support/dispatcher/arbitrary-commands.js";
import { onSqlite } from "../support/store/fresh-stores.js";
import { describeModel } from "./dispatcher-model.js";

describeModel("a dispatcher under random commands", onSqlite, "clock", RUNS / 2);
