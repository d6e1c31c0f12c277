import type { CommandSpec } from "../../args/command-spec.js";
import { OUTPUT_TEXT_JSON } from "../../args/output-flags.js";
import { MAX_AGE, MAX_FAILED } from "../check/check-flags.js";

export const STATUS: CommandSpec = {
  name: "status",
  operands: [["[callback]", "id or name; left out: all callbacks"]],
  summary: "what is failing, since when, what is still retried, and what to type next",
  flags: [OUTPUT_TEXT_JSON],
  examples: [
    ["whcb status", "all callbacks"],
    ["whcb status demo", "one of them, with its failures by hour"],
    ["whcb status -o json", "for a script"],
  ],
  load: () => import("./run.js"),
};

export const CHECK: CommandSpec = {
  name: "check",
  operands: [["[callback]", "id or name; left out: all callbacks"]],
  summary: "for cron and CI: exit 8 when too much has failed",
  flags: [MAX_FAILED, MAX_AGE, OUTPUT_TEXT_JSON],
  examples: [
    ["whcb check", "exit 8 if anything is FAILED"],
    ["whcb check demo --max-failed 100 --max-age 1h", "a little is normal, for a while"],
    ["whcb check -o json", "the figures for a monitor"],
  ],
  load: () => import("../check/run.js"),
};
