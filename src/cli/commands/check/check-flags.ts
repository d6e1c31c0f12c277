/** What `check` allows. */
import { parsePositiveDuration } from "../../args/duration.js";
import { value } from "../../args/flag.js";
import { integer } from "../../args/numbers.js";
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
