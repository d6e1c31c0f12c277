import { RUNS } from "../support/dispatcher/arbitrary-commands.js";
import { onSqlite } from "../support/store/fresh-stores.js";
import { describeModel } from "./dispatcher-model.js";

describeModel("a dispatcher under random commands", onSqlite, "agreement", RUNS);
