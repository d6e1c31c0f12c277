import { parsePositiveDuration } from "../../../domain/duration.js";
import { command } from "../../args/command-spec.js";
import { value } from "../../args/flag.js";
import { integer } from "../../args/flag-values.js";
import { jsonFlag } from "../../args/json-flag.js";
import { OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";
import { CHECK_FIELDS } from "../../output/json-fields.js";

const FLAGS = {
  maxFailed: value(
    "--max-failed <n>",
    "how many FAILED calls are allowed (default: 0, or any number with --max-age)",
    integer(0),
  ),
  maxAge: value(
    "--max-age <duration>",
    "the longest time since the last attempt of any FAILED call; each retry or replay starts it again",
    parsePositiveDuration,
  ),
  maxWaitingAge: value(
    "--max-waiting-age <duration>",
    "the longest time that any call may wait for its first attempt to end; `whcb serve` only",
    parsePositiveDuration,
  ),
  output: OUTPUT_TEXT_JSON,
  json: jsonFlag(CHECK_FIELDS),
};
export type CheckFlags = typeof FLAGS;

export const CHECK = command({
  operands: [["[callback]", "id or name (default: the profile's default callback, else all callbacks)"]],
  flags: FLAGS,
  examples: [
    ["whcb check", "exit 8 if any call is FAILED"],
    ["whcb check demo --max-failed 100 --max-age 1h", "allow a hundred, none unattempted for an hour"],
    ["whcb check --max-waiting-age 30s", "exit 8 too if an endpoint doesn't answer, or nothing is sent"],
    ["whcb check -o json", "the figures, for a monitor"],
  ],
  load: () => import("./run.js"),
});
