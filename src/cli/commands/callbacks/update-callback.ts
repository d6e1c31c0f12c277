import type { CallbackSettings } from "../../../domain/callback.js";
import { WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../invocation.js";
import { findCallback, withSession } from "../../settings/session.js";
import { showCallback } from "./callback-text.js";
import { NEW_KEY, readSettingFlags } from "./command.js";
import { chooseCallbackKey } from "./run.js";

export function run(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  if (Object.keys(readSettingFlags(args)).length === 0 && !args.get(NEW_KEY)) {
    throw new WhcbError("usage", "no setting to change was given", { hint: `${invocation.path} --help lists the settings` });
  }
  return withSession(invocation, async ({ client }) => {
    const before = await findCallback(client, args.operand(0));
    const chosen = args.get(NEW_KEY) ? await chooseCallbackKey(invocation) : null;
    const { authType, ...changes } = readSettingFlags(args, before.events);
    const { id, ...settings } = before;
    const auth = { type: authType ?? before.auth.type, key: chosen?.key ?? before.auth.key };
    const after: CallbackSettings = { ...settings, ...changes, auth };
    await client.updateCallback(id, after);
    await showCallback({ id, ...after }, screen, chosen?.isNew === true);
    if (!before.retriesEnabled && after.retriesEnabled)
      screen.info("retries are on: failed calls that are still inside their window are due now");
    return 0;
  });
}
