import { command } from "../../args/command-spec.js";
import { OUTPUT_TEXT_JSON } from "../../args/shared-flags.js";

const FLAGS = { output: OUTPUT_TEXT_JSON };
export type TestEmailFlags = typeof FLAGS;

export const TEST_EMAIL = command({
  operands: [["<callback>", "the callback's id or name"]],
  details: `The e-mail goes to the callback's address, with a subject that says "Test". What the mail server answers is printed; if it doesn't accept
the e-mail, the exit code is 8. An address gets one test a minute at most, and a service sends 20 an hour.

A service without a mail server writes the e-mail to a file. On a database file, the mail server is that of WHCB_SMTP. The platform has no
such test.`,
  flags: FLAGS,
  examples: [
    ["whcb test-email demo", "does the e-mail arrive?"],
    ["whcb test-email demo -o json", "the same, for a script"],
  ],
  load: () => import("./run.js"),
});
