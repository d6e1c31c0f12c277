import type { CommandBody } from "../../args/command-spec.js";
import { jsonFlag } from "../../args/json-flag.js";
import { OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";
import { STATUS_FIELDS } from "../../output/json-fields.js";

export const STATUS: CommandBody = {
  operands: [["[callback]", "id or name (default: the profile's default callback, else all callbacks)"]],
  flags: { output: OUTPUT_TEXT_JSON, json: jsonFlag(STATUS_FIELDS) },
  examples: [
    ["whcb status", "all callbacks"],
    ["whcb status demo", "one callback, with its failures by hour"],
    ["whcb status -o json", "for a script"],
  ],
  load: () => import("./run.js"),
};
