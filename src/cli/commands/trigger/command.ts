import { command } from "../../args/command-spec.js";
import { choiceOr, value, valueOr } from "../../args/flag.js";
import { integer, parseRate } from "../../args/flag-values.js";
import { OUTPUT_LINES } from "../../args/shared-flags.js";

const GENERATED_FLAGS = {
  count: valueOr("-n, --count <n>", "how many responses", "1", integer(1, 10_000_000)),
  kind: choiceOr("--kind <kind>", "reply or undeliverable", "reply", ["reply", "undeliverable"]),
  channel: choiceOr("--channel <channel>", "sms, email or voice", "sms", ["sms", "email", "voice"]),
  content: {
    ...value("--content <text>", "the text of the reply; {n} is replaced by its number", String),
    mayBeEmpty: true,
  },
};

const FLAGS = {
  ...GENERATED_FLAGS,
  file: {
    ...value("--file <file>", "responses as NDJSON, one call object per line; - for stdin", String),
    conflicts: Object.values(GENERATED_FLAGS),
  },
  rate: value("--rate <n/s>", "the rate at which they are submitted, such as 50/s", parseRate),
  output: OUTPUT_LINES,
};
export type TriggerFlags = typeof FLAGS;

export const TRIGGER = command({
  operands: [["<callback>", "id or name"]],
  details: `A line of --file is a call object of the API: messageId, messageLocation, from, responseMessage, customParameters. Missing fields
are left out; one that the API's calls don't have is an error, as in what \`whcb calls list\` prints. A response that has an id is accepted
only once, however often it is submitted; one without is accepted again. So on an error or Ctrl-C the command says how many were accepted, up
to which line, and of which it isn't known.`,
  flags: FLAGS,
  examples: [
    ["whcb trigger demo -n 100", "a hundred replies"],
    ["whcb trigger demo --kind undeliverable --channel email", "a message that could not be delivered"],
    ["whcb trigger demo -n 1000 --rate 50/s", "a steady stream"],
    ["whcb trigger demo --file responses.ndjson", "your own responses"],
  ],
  load: () => import("./run.js"),
});
