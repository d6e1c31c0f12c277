import { commandLine } from "../../../domain/command-line.js";
import { advise, WhcbError } from "../../../domain/errors.js";
import { toIsoDate } from "../../../wire/dates.js";
import type { Invocation } from "../../args/command-spec.js";
import { writeJson } from "../../output/json-fields.js";
import { text } from "../../output/screen-text.js";
import { resolveInvocation, withService } from "../../settings/session.js";
import type { ConsoleFlags } from "./command.js";

export async function run(invocation: Invocation<ConsoleFlags>): Promise<void> {
  const { values, screen, deps } = invocation;
  const settings = await resolveInvocation(invocation);
  const address = settings.address.value;
  if (address?.kind === "file") {
    const serve = { command: commandLine({ command: "serve", flags: ["--db", address.path] }), when: "to start its service" };
    const advice = advise`start its service with ${serve}, and use the profile that it names`;
    throw new WhcbError("config", "a database file has no console", advice);
  }
  return withService(invocation, settings, async ({ client }) => {
    const issued = await client.createSignInCode();
    if (issued === null) {
      // A gateway's 403 for an unknown path looks like one for a wrong key.
      await client.verify();
      throw new WhcbError("usage", `${client.name} has no console`, { hint: "it is part of `whcb serve`" });
    }
    const { code, expiresAt } = issued;
    const url = `${client.name}/console`;
    if (screen.format === "json") {
      await writeJson({ url, code, expiresAt: toIsoDate(expiresAt) }, screen);
    } else {
      await screen.out(text`${url}\ncode  ${screen.renderOptions.palette.strong(code)}\n`);
      screen.info("the code works once, within 5 minutes");
    }
    if (values.open && !(await deps.openInBrowser(url))) screen.info("no browser could be started; open the address yourself");
  });
}
