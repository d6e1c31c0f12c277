import type { CommandSpec } from "../../args/command-spec.js";
import { choiceOr, under, value } from "../../args/flag.js";
import { DRY_RUN, SENDING_FLAGS, WAIT } from "../../args/sending-flags.js";
import { OUTPUT_LINES } from "../../args/shared-flags.js";
import { YES } from "../../output/questions.js";

export const SEEN = value("--seen <file>", "ids that your system has, one a line; - for stdin", String);
export const BY = choiceOr("--by <what>", "what the ids are: message or call", "message", ["message", "call"]);

export const RECONCILE: CommandSpec = {
  name: "reconcile",
  operands: [["<callback>", "id or name"]],
  summary: "mark the calls that your system already has, replay the rest, and print the balance",
  details: `--seen lists what your system has: message ids, or call ids with --by call. FAILED calls on that list are marked SUCCESS and not
sent; the rest is replayed. The balance is printed: failed = seen + accepted + still failing.`,
  flags: [SEEN, BY, ...under("How to send", [...SENDING_FLAGS, WAIT]), YES, DRY_RUN, OUTPUT_LINES],
  examples: [
    ["whcb reconcile demo --seen received.txt --dry-run", "show how much is missing"],
    ["whcb reconcile demo --seen received.txt", "mark what is there, send the rest"],
    ["psql -Atc 'select message_id from inbox' | whcb reconcile demo --seen - --yes", "straight from your database"],
  ],
  load: () => import("./run.js"),
};
