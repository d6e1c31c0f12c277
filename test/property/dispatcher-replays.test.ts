/** Its own file, so that it runs in parallel. */
import { outageOrReplay, RUNS } from "../support/dispatcher/arbitrary-commands.js";
import { onSqlite } from "../support/store/fresh-stores.js";
import { describeAgreement } from "./dispatcher-model.js";

describeAgreement("a dispatcher of an endpoint whose calls are replayed by clients", onSqlite, {
  commands: outageOrReplay,
  count: RUNS / 2,
});
