import { parsePositiveDuration } from "../../../domain/duration.js";
import type { CommandBody } from "../../args/command-spec.js";
import { value } from "../../args/flag.js";
import { integer } from "../../args/flag-values.js";
import { jsonFlag } from "../../args/json-flag.js";
import { OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";
import { CHECK_FIELDS } from "../../output/json-fields.js";

export const MAX_FAILED = value(
  "--max-failed <n>",
  "how many FAILED calls are allowed (default: 0, or any number with --max-age)",
  integer(0),
);
export const MAX_AGE = value(
  "--max-age <duration>",
  "the longest time since the last attempt of any FAILED call",
  parsePositiveDuration,
);

export const CHECK: CommandBody = {
  operands: [["[callback]", "id or name (default: the profile's default callback, else all callbacks)"]],
  flags: { maxFailed: MAX_FAILED, maxAge: MAX_AGE, output: OUTPUT_TEXT_JSON, json: jsonFlag(CHECK_FIELDS) },
  examples: [
    ["whcb check", "exit 8 if any call is FAILED"],
    ["whcb check demo --max-failed 100 --max-age 1h", "allow a hundred, none older than an hour"],
    ["whcb check -o json", "the figures, for a monitor"],
  ],
  load: () => import("./run.js"),
};
