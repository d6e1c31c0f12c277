/** Its own file, so that it runs in parallel. */
import { anyCommandOrJump, RUNS } from "../support/dispatcher/arbitrary-commands.js";
import { onSqlite } from "../support/store/fresh-stores.js";
import { describeAgreement } from "./dispatcher-model.js";

describeAgreement("a dispatcher whose wall clock is set back and forward", onSqlite, {
  commands: anyCommandOrJump,
  count: RUNS / 2,
});
