import { command } from "../../args/command-spec.js";
import { choice, flag, under, value, values } from "../../args/flag.js";
import { DRY_RUN, SENDING_FLAGS, WAIT } from "../../args/sending-flags.js";
import { OUTPUT_LINES_IDS } from "../../args/shared-flags.js";
import { YES } from "../../output/questions.js";

const FLAGS = {
  seen: value("--seen <file>", "what your system has; - for stdin", String),
  map: values("--map <names>", "what the list calls its fields, such as mobile=msisdn,messageid=MsgRef", String),
  ignore: values("--ignore <names>", "columns that don't say whether a line was received", String),
  dateOrder: choice("--date-order <order>", "day or month first in the list's dates: dmy or mdy", ["dmy", "mdy"]),
  ambiguous: choice("--ambiguous <what>", "send or skip the calls that your system may have", ["send", "skip"]),
  allowEmpty: flag("--allow-empty", "accept a list that is empty or matches no call: your system has nothing"),
  ...under("How to send", { ...SENDING_FLAGS, wait: WAIT }),
  yes: YES,
  dryRun: DRY_RUN,
  output: OUTPUT_LINES_IDS,
};
export type ReconcileFlags = typeof FLAGS;

export const RECONCILE = command({
  operands: [["<callback>", "id or name"]],
  details: `--seen takes NDJSON or XML bodies as your system received them, CSV or TSV with a header (messageid, callid, from, mobile,
voice, email, mri, content, acknowledged), or whole ids of calls or messages, one per line, as UTF-8, UTF-16 with a byte order mark or
Windows-1252. --map says what the list calls them, --date-order how it writes dates if 05/11/2026 may be of two days. Any other column stops
the command, unless it says that the line was received (status 200, received_at with a date), or --ignore names it: a list of what was rejected
must not be taken for one of what was received. Each line is compared with all calls of the callback. A FAILED call that is the only match of
a line is marked SUCCESS if the line gives the call's id, or the message id, the sender, the content and the time (acknowledged). If it gives
less, or matches several calls, the FAILED ones are ambiguous: they are neither marked nor sent, and the exit code is 8, unless --ambiguous
decides. The rest is replayed. --yes marks by the call's id only: if a call matches by less, it is an error, as nobody looks at what is
marked; --dry-run -o ids lists the calls that would be. Numbers in local form need the profile's country
(whcb config set country AU).

The balance is printed: failed = seen + accepted + rejected + unknown + not sent + ambiguous + settled meanwhile.`,
  flags: FLAGS,
  examples: [
    ["whcb reconcile demo --seen received.ndjson --dry-run", "show how much is missing"],
    ["whcb reconcile demo --seen received.ndjson", "mark what is there, send the rest"],
    ["psql --csv -c 'select webhook_id, mobile, content from inbox' | whcb reconcile demo --seen - --yes", "from your database"],
    ["whcb reconcile demo --seen export.csv --map mobile=msisdn,messageid=MsgRef --date-order dmy", "a table with its own names"],
  ],
  load: () => import("./run.js"),
});
