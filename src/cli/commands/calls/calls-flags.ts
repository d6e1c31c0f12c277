/** How much of a list, and from which end. */

import { flag, valueOr } from "../../args/flag.js";
import { integer } from "../../args/numbers.js";
export const LIMIT = valueOr("--limit <n>", "show at most this many", "20", integer(1));
export const ALL = flag("--all", "show all, however many");
export const OLDEST_FIRST = flag("--oldest-first", "the other way round");
