import type { ListedCallback } from "../../../client/client.js";
import type { CallbackSettings } from "../../../domain/callback.js";
import { WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../invocation.js";
import { safeJson } from "../../output/sanitize.js";
import { findCallback, withSession } from "../../settings/session.js";
import { callbackJson, renderCallback } from "./callback-columns.js";
import { NEW_KEY } from "./callback-flags.js";
import { chooseCallbackKey } from "./callback-key.js";
import { readSettingFlags } from "./callback-settings.js";

export function run(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  if (Object.keys(readSettingFlags(args)).length === 0 && !args.get(NEW_KEY)) {
    throw new WhcbError("usage", "nothing to change was named", { hint: `${invocation.path} --help lists the settings` });
  }
  return withSession(invocation, async ({ client }) => {
    const before = await findCallback(client, args.operand(0));
    const chosen = args.get(NEW_KEY) ? await chooseCallbackKey(invocation) : null;
    const { authType, ...changes } = readSettingFlags(args, before.events);
    const { id, ...settings } = before;
    const auth = { type: authType ?? before.auth.type, key: chosen?.key ?? before.auth.key };
    const after: CallbackSettings = { ...settings, ...changes, auth };
    await client.updateCallback(id, after);
    const shown: ListedCallback = { id, ...after };
    const showKey = chosen?.isNew === true;
    await screen.out(
      screen.format === "json"
        ? `${safeJson(callbackJson(shown, showKey), 2)}\n`
        : renderCallback(shown, screen.renderOptions, showKey),
    );
    if (!before.retriesEnabled && after.retriesEnabled) screen.info("retries are on: what failed inside its window is due now");
    return 0;
  });
}
