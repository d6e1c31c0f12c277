/** What `check` allows. */
import { parsePositiveDuration } from "../parse/duration.js";
import { integer } from "../parse/numbers.js";
import { value } from "../spec/flag.js";
export const MAX_FAILED = value(
  "--max-failed <n>",
  "more FAILED calls than this are too many (default: 0, unless --max-age is given)",
  integer(0),
);
export const MAX_AGE = value(
  "--max-age <duration>",
  "no FAILED call may be older than this, by its last attempt",
  parsePositiveDuration,
);
