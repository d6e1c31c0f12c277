import type { GroupKey } from "../../../domain/call-groups.js";
import { requireOneOf } from "../../args/closest-match.js";
import { command, type GroupBody } from "../../args/command-spec.js";
import { FILTER_FLAGS } from "../../args/filter-flags.js";
import { flag, under, values } from "../../args/flag.js";
import { jsonFlag } from "../../args/json-flag.js";
import { COLUMNS, LIMIT, OUTPUT, OUTPUT_LINES, OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";
import { CALL_DETAILS_FIELDS, CALL_FIELDS, FOLLOWED_FIELDS, GROUP_FIELDS } from "../../output/json-fields.js";

const GROUP_NAMES = ["status-code", "reason", "answer", "hour", "from", "message", "channel"] as const;
const GROUP_KEYS: Readonly<Record<(typeof GROUP_NAMES)[number], GroupKey>> = {
  "status-code": "statusCode",
  reason: "reason",
  answer: "answer",
  hour: "hour",
  from: "from",
  message: "messageId",
  channel: "channel",
};

const LIST_FLAGS = {
  ...under("Which calls", FILTER_FLAGS),
  groupBy: values("--group-by <keys>", `counts instead of calls; comma-separated: ${GROUP_NAMES.join(", ")}`, readGroupKey),
  limit: LIMIT,
  all: { ...flag("--all", "show all, however many there are"), conflicts: [LIMIT] },
  oldestFirst: flag("--oldest-first", "list the oldest first"),
  output: OUTPUT,
  columns: COLUMNS,
  json: jsonFlag({ ...CALL_FIELDS, ...GROUP_FIELDS }),
};
export type CallsListFlags = typeof LIST_FLAGS;

export const CALLS: GroupBody = {
  commands: [
    command({
      name: "list",
      operands: [["[callback]", "id or name (default: the profile's default callback, else all callbacks, one after the other)"]],
      summary: "list calls, newest first",
      details:
        "Without --failed, --success or --pending, both SUCCESS and FAILED calls are listed. Every filter is also applied here, so a\nservice that ignores a filter can't widen the list.\nWith --group-by, calls are counted by the service if it can do that, else here, from the list; --limit and --all are about groups.",
      flags: LIST_FLAGS,
      examples: [
        ["whcb calls list demo --failed", "what failed, newest first"],
        ["whcb calls list demo --failed --since 2h --status-code 5xx,none", "in the last two hours, a 5xx answer or none"],
        ["whcb calls list demo --failed -o ids | whcb mark-success demo -", "ids, for the next command"],
        ["whcb calls list demo --failed --group-by status-code,reason", "how many failed, and why, most first"],
        [
          "whcb calls list demo --failed --status-code 422 --group-by answer",
          "what the endpoint says about each kind of response",
        ],
        ["whcb calls list demo -o csv > calls.csv", "for a spreadsheet"],
        ["whcb calls list demo --failed --json id,statusCode,from", "for a script; --json alone lists the fields"],
      ],
      load: () => import("./calls-listing.js"),
    }),
    {
      name: "get",
      aliases: ["show"],
      operands: [
        [
          "[callback]",
          "id or name (default: the profile's default callback, else all callbacks, if the service can find a call in all)",
        ],
        ["<call>", "the call's id, or the first 6 or more digits of it"],
      ],
      summary: "show one call, its attempts and the reason for its state",
      flags: { output: OUTPUT_TEXT_JSON, json: jsonFlag(CALL_DETAILS_FIELDS) },
      examples: [
        ["whcb calls get demo 0193F0C2A5B87C119D2E4F6A8B0C1D2E", "everything about one call"],
        ["whcb calls get 0193F0C2A5B8", "of whichever callback"],
        ["whcb calls get demo 0193F0C2A5B87C119D2E4F6A8B0C1D2E -o json", "for a script"],
      ],
      load: () => import("./get-call.js"),
    },
    {
      name: "follow",
      operands: [["[callback]", "id or name (default: the profile's default callback, else all callbacks)"]],
      summary: "show attempts as they happen, until Ctrl-C",
      details:
        "A line for each attempt once it has ended, each once, also across restarts of the service. A service that doesn't list attempts is asked\nevery 15 seconds, and of each call only the last attempt is known. json is written as ndjson: one object per line.",
      flags: { output: OUTPUT_LINES, json: jsonFlag(FOLLOWED_FIELDS) },
      examples: [
        ["whcb calls follow demo", "like tail -f"],
        ["whcb calls follow", "all callbacks, new ones too"],
        ["whcb calls follow demo -o ndjson | jq 'select(.statusCode != 200)'", "only what failed"],
      ],
      load: () => import("./follow.js"),
    },
  ],
  examples: [
    ["whcb calls list demo --failed", "what failed, newest first"],
    ["whcb calls get demo 0193F0C2A5B87C119D2E4F6A8B0C1D2E", "one call, with every attempt"],
    ["whcb calls follow demo", "attempts as they happen"],
  ],
};

function readGroupKey(text: string): GroupKey {
  return GROUP_KEYS[requireOneOf(text, GROUP_NAMES, `--group-by: no key ${JSON.stringify(text)}`)];
}
