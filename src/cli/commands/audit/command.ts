import { type CommandBody, command } from "../../args/command-spec.js";
import { flag, value } from "../../args/flag.js";
import { jsonFlag } from "../../args/json-flag.js";
import { COLUMNS, LIMIT, OUTPUT } from "../../args/shared-flags.js";
import { parseInstant } from "../../args/typed-instant.js";
import { AUDIT_FIELDS } from "../../output/json-fields.js";

const FLAGS = {
  callback: value(
    "--callback <callback>",
    "changes of this callback: its id or name, or the name of one that was deleted",
    String,
  ),
  user: value("--user <user>", "changes by this user, exactly as the list shows it", String),
  since: value("--since <when>", "at or after: a time ago or a date, as for `calls list`", parseInstant),
  limit: LIMIT,
  all: { ...flag("--all", "show all, however many there are"), conflicts: [LIMIT] },
  output: OUTPUT,
  columns: COLUMNS,
  json: jsonFlag(AUDIT_FIELDS),
};
export type AuditFlags = typeof FLAGS;

export const AUDIT: CommandBody = command({
  details:
    "Only `whcb serve` has an audit: callbacks that were created, changed or deleted, calls that were marked, replays that were requested or\ncancelled, senders that were erased, users that were added, changed or removed, and sign-ins to the console; those\nthat failed, also to the API, have one entry for each address and minute. Entries are kept as long as e-mails. None has a key, or a secret of a URL.",
  flags: FLAGS,
  examples: [
    ["whcb audit --callback demo", "who changed the callback, switched its retries, or marked its calls"],
    ["whcb audit --user ada --since 7d", "what a user has done this week"],
    ["whcb audit -o csv > audit.csv", "all of it, for a spreadsheet"],
  ],
  load: () => import("./run.js"),
});
