import type { Invocation } from "../../invocation.js";
import { openProgress } from "../../output/progress-line.js";
import { safeJson } from "../../output/sanitize.js";
import { findCallback, withSession } from "../../settings/session.js";
import { readCallbackState } from "./callback-state.js";
import { renderStatus, statusJson } from "./status-text.js";

export function run(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  return withSession(invocation, async ({ client, settings }) => {
    const name = args.operands[0] ?? settings.callback.value;
    const progress = await openProgress(invocation, "looking");
    const states = [];
    try {
      const callbacks = name === null ? await client.listCallbacks() : [await findCallback(client, name)];
      for (const callback of callbacks) states.push(await readCallbackState(client, callback, screen.renderOptions.now));
    } finally {
      progress.clear();
    }
    if (screen.format === "json")
      await screen.out(`${safeJson({ service: client.name, callbacks: states.map(statusJson) }, 2)}\n`);
    else if (states.length === 0) screen.info("no callbacks yet; `whcb callbacks create` makes one");
    else await screen.out(renderStatus(states, screen.renderOptions));
    return 0;
  });
}
