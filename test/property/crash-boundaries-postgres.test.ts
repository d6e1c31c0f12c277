import { onPostgres } from "../support/store/fresh-stores.js";
import { describeDeaths } from "./crash-boundaries.js";

/** Each life takes about a second. */
describeDeaths("a dispatcher on PostgreSQL", onPostgres("deaths"), [
  { first: 5, step: 48 },
  { first: 29, step: 48 },
]);
