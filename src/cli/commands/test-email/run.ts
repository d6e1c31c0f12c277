import { WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../args/command-spec.js";
import { writeJson } from "../../output/json-fields.js";
import { text } from "../../output/screen-text.js";
import { findCallback, withSession } from "../../settings/session.js";
import type { TestEmailFlags } from "./command.js";

export function run(invocation: Invocation<TestEmailFlags>): Promise<void> {
  const { args, screen } = invocation;
  return withSession(invocation, async (session) => {
    const { client } = session;
    const callback = await findCallback(session, args.operand(0));
    const mail = await client.sendTestMail(callback.id);
    if (mail === null) throw new WhcbError("usage", `${client.name} sends no test e-mails`, { hint: "only `whcb serve` does" });
    const { to, channel, isSent, answer } = mail;
    if (screen.format === "json") {
      await writeJson({ callbackId: callback.id, callback: callback.name, to, channel, sent: isSent, answer }, screen);
    } else if (isSent) {
      const what =
        channel === "smtp" ? `was sent; the mail server answered: ${answer}` : `was written to a file, not sent: ${answer}`;
      await screen.out(text`a test e-mail to ${to} ${what}\n`);
    }
    if (!isSent) throw new WhcbError("items-failed", `the test e-mail to ${to} wasn't sent: ${answer}`);
  });
}
