import { command, type GroupBody } from "../../args/command-spec.js";
import { jsonFlag } from "../../args/json-flag.js";
import { COLUMNS, OUTPUT } from "../../args/shared-flags.js";
import { OUTAGE_FIELDS } from "../../output/json-fields.js";

const FLAGS = { output: OUTPUT, columns: COLUMNS, json: jsonFlag(OUTAGE_FIELDS) };
export type OutagesFlags = typeof FLAGS;

export const OUTAGES: GroupBody = {
  commands: [
    command({
      name: "list",
      operands: [["[callback]", "id or name (default: the profile's default callback, else all callbacks)"]],
      summary: "list outages, newest first: when they began and ended, and how many calls failed",
      details: "Only `whcb serve` has outages. An outage that is open has no end.",
      flags: FLAGS,
      examples: [
        ["whcb outages list", "of all callbacks"],
        ["whcb outages list demo -o json", "for a script"],
      ],
      load: () => import("./run.js"),
    }),
  ],
  examples: [["whcb outages list demo", "when its endpoint was down"]],
};
