import { anyCommand, RUNS } from "../support/dispatcher/arbitrary-commands.js";
import { onSqlite } from "../support/store/fresh-stores.js";
import { describeAgreement } from "./dispatcher-model.js";

describeAgreement("a dispatcher under random commands", onSqlite, { commands: anyCommand, count: RUNS });
