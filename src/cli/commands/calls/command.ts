import type { GroupSpec } from "../../args/command-spec.js";
import { FILTER_FLAGS } from "../../args/filter-flags.js";
import { under } from "../../args/flag.js";
import { COLUMNS, OUTPUT, OUTPUT_TEXT_JSON } from "../../args/output-flags.js";
import { ALL, LIMIT, OLDEST_FIRST } from "./calls-flags.js";

export const CALLS: GroupSpec = {
  name: "calls",
  summary: "the calls of a callback: which were delivered, which failed and why",
  commands: [
    {
      name: "list",
      operands: [["[callback]", "id or name; left out: the profile's default callback, else all callbacks, one after the other"]],
      summary: "list calls, newest first",
      details:
        "Without --failed, --success or --pending, both SUCCESS and FAILED calls are listed. Every filter is applied here as well,\nso that a service that doesn't know one can't widen the list.",
      flags: [...under("Which calls", FILTER_FLAGS), LIMIT, ALL, OLDEST_FIRST, OUTPUT, COLUMNS],
      examples: [
        ["whcb calls list demo --failed", "what failed, newest first"],
        ["whcb calls list demo --failed --since 2h --status-code 5xx,none", "in the last two hours, by the endpoint's own fault"],
        ["whcb calls list demo --failed --all -o ids | whcb mark-success demo -", "ids, for the next command"],
        ["whcb calls list demo --all -o csv > calls.csv", "for a spreadsheet"],
      ],
      load: () => import("./calls-list.js"),
    },
    {
      name: "get",
      operands: [
        ["<callback>", "id or name"],
        ["<call>", "the call's id"],
      ],
      summary: "show one call, its attempts, and why it is where it is",
      flags: [OUTPUT_TEXT_JSON],
      examples: [
        ["whcb calls get demo 0193F0C2A5B87C119D2E4F6A8B0C1D2E", "everything about one call"],
        ["whcb calls get demo 0193F0C2A5B87C119D2E4F6A8B0C1D2E -o json", "for a script"],
      ],
      load: () => import("./calls-get.js"),
    },
  ],
  examples: [
    ["whcb calls list demo --failed", "what failed, newest first"],
    ["whcb calls get demo 0193F0C2A5B87C119D2E4F6A8B0C1D2E", "one call, with every attempt"],
  ],
};
