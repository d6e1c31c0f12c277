import { COLUMNS } from "../../args/output-flags.js";
import type { Invocation } from "../../invocation.js";
import { openListing } from "../../output/listing.js";
import { safeJson } from "../../output/sanitize.js";
import { findCallback, withSession } from "../../settings/session.js";
import { CALLBACK_LISTING, callbackJson, renderCallback } from "./callback-columns.js";
import { SHOW_KEY } from "./callback-flags.js";

export function listCallbacks(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  return withSession(invocation, async ({ client }) => {
    const listing = openListing(CALLBACK_LISTING, screen, args.get(COLUMNS));
    await listing.add(await client.listCallbacks());
    if ((await listing.end()) === 0) screen.info("no callbacks yet; `whcb callbacks create` makes one");
    return 0;
  });
}

export function getCallback(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  return withSession(invocation, async ({ client }) => {
    const callback = await findCallback(client, args.operand(0));
    const showKey = args.get(SHOW_KEY);
    await screen.out(
      screen.format === "json"
        ? `${safeJson(callbackJson(callback, showKey), 2)}\n`
        : renderCallback(callback, screen.renderOptions, showKey),
    );
    return 0;
  });
}
