import { describeDeaths } from "../property/crash-boundaries.js";
import { onSqlite } from "../support/store/fresh-stores.js";

/** Spread over several tests, so that one that fails names its part of the day. */
const step = 8;

describeDeaths(
  "a dispatcher",
  onSqlite,
  Array.from({ length: step }, (_, index) => ({ first: index + 1, step })),
);
