/** How a rehearsed endpoint behaves. */
import { parseDuration, parsePositiveDuration } from "../../args/duration.js";
import { flag, value, valueOr } from "../../args/flag.js";
import { integer, parseShare } from "../../args/numbers.js";
export const LISTEN_PORT = valueOr("--port <n>", "0: any free one", "9000", integer(0, 65_535));
export const STATUS_FLAG = value(
  "--status <code>",
  "answer every POST with this (default: 200; failures: 503)",
  integer(100, 599),
);
export const FAIL_FIRST = value("--fail-first <n>", "fail the first N, then recover", integer(1));
export const FAIL_FOR = value("--for <duration>", "fail so long, then recover", parsePositiveDuration);
export const FLAKY = value("--flaky <share>", "fail this share of all, such as 0.2", parseShare);
export const SEED = valueOr("--seed <n>", "the same seed fails the same ones", "1", integer(0, 0xffff_ffff));
export const DELAY = value("--delay <duration>", "answer so late", parseDuration);
export const HANG = flag("--hang", "never answer");
