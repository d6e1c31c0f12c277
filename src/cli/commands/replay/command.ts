import { FILE } from "../../args/call-operands.js";
import type { CommandSpec } from "../../args/command-spec.js";
import { FAILED, NARROWING_FLAGS } from "../../args/filter-flags.js";
import { under } from "../../args/flag.js";
import { DRY_RUN, MARK, PRINT_CURL, SENDING_FLAGS, SKIP_RETRYING, TO, VIA, WITH_AUTH } from "../../args/sending-flags.js";
import { OUTPUT_LINES } from "../../args/shared-flags.js";
import { YES } from "../../output/questions.js";
import { BY, RESEND_UNKNOWN, RESUME, SEEN } from "./resume-flags.js";

export const REPLAY: CommandSpec = {
  name: "replay",
  operands: [
    ["[callback]", "id or name; left out: the profile's default callback, else all callbacks"],
    ["[call...]", "ids of calls; - reads them from stdin"],
  ],
  summary: "send failed calls to their endpoint again, and mark what was accepted",
  details: `All matching calls are listed before one is sent, oldest go first, and one canary goes alone: if it fails, nothing else
is sent. Each step is written to a journal before the next, so that Ctrl-C, kill -9 or a power cut loses nothing:
\`whcb replay --resume\` goes on where it was. The platform's rate limits are kept without being asked.
On a terminal it asks first; a script gives --yes.`,
  flags: [
    ...under("Which calls", [FAILED, ...NARROWING_FLAGS, FILE, SKIP_RETRYING]),
    ...under("How to send", [...SENDING_FLAGS, TO, WITH_AUTH, MARK, VIA]),
    ...under("Going on with a run", [RESUME, RESEND_UNKNOWN]),
    YES,
    DRY_RUN,
    PRINT_CURL,
    OUTPUT_LINES,
  ],
  examples: [
    ["whcb replay demo --failed --dry-run", "what would be sent, and nothing sent"],
    ["whcb replay demo --failed", "ask, send, mark"],
    ["whcb replay demo --failed --since 2h --status-code 5xx,none --rate 20/s --yes", "in a script, gently"],
    ["whcb replay --failed", "every callback's"],
    ["whcb calls list demo --failed -o ids | whcb replay demo - --yes", "calls picked by another program"],
    ["whcb replay demo --failed --to http://127.0.0.1:9000/ --dry-run --print-curl", "look at the requests"],
    ["whcb replay --resume", "finish what was cut"],
  ],
  load: () => import("./run.js"),
};

export const RECONCILE: CommandSpec = {
  name: "reconcile",
  operands: [["<callback>", "id or name"]],
  summary: "mark what your system already has, replay the rest, and prove that the books balance",
  details: `--seen lists what your system has: message ids, or call ids with --by call. FAILED calls that are in it are marked SUCCESS
and not sent; the rest is replayed. The balance is printed: failed = seen + accepted + still failing.`,
  flags: [SEEN, BY, ...under("How to send", SENDING_FLAGS), YES, DRY_RUN, OUTPUT_LINES],
  examples: [
    ["whcb reconcile demo --seen received.txt --dry-run", "how much is missing"],
    ["whcb reconcile demo --seen received.txt", "mark what is there, send what isn't"],
    ["psql -Atc 'select message_id from inbox' | whcb reconcile demo --seen - --yes", "straight from your database"],
  ],
  load: () => import("../reconcile/run.js"),
};
