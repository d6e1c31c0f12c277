import type { Client } from "../../../client/client.js";
import { WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../args/command-spec.js";
import { pauseText } from "../../output/outage-text.js";
import { findCallback, withSession } from "../../settings/session.js";
import { showService } from "../../settings/take-locks.js";
import type { CallbacksFlags } from "./command.js";

export function pauseCallback(invocation: Invocation<CallbacksFlags["pause"]>): Promise<void> {
  const { args, values, screen } = invocation;
  return withSession(invocation, async (session) => {
    const { client } = session;
    const { id, name } = await findCallback(session, args.operand(0));
    if (!(await client.pauseCallback(id, values.duration ?? null))) throw cannotPause(client);
    const { pause } = await findCallback(session, id);
    screen.info(pause === null ? `${name} was paused` : `${name} is ${pauseText(pause, screen.renderOptions.utc)}`);
  });
}

export function resumeCallback(invocation: Invocation<CallbacksFlags["resume"]>): Promise<void> {
  const { args, screen } = invocation;
  return withSession(invocation, async (session) => {
    const { client } = session;
    const { id, name, pause } = await findCallback(session, args.operand(0));
    await showService(invocation, session);
    if (!(await client.resumeCallback(id))) throw cannotPause(client);
    screen.info(pause === null ? `${name} wasn't paused` : `${name} is resumed: what has waited is sent`);
  });
}

function cannotPause({ name }: Client): WhcbError {
  return new WhcbError("usage", `${name} can't pause callbacks`, { hint: "only `whcb serve` can" });
}
