import type { Invocation } from "../../invocation.js";
import { confirm, needsYes, YES } from "../../output/confirm.js";
import { findCallback, withSession } from "../../settings/session.js";

export function run(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  if (!args.get(YES) && !screen.canAsk) throw needsYes(invocation);
  return withSession(invocation, async ({ client }) => {
    const callback = await findCallback(client, args.operand(0));
    if (!(await confirm(invocation, `Delete callback ${callback.name} (${callback.url}) and what waits for it?`))) return 0;
    await client.deleteCallback(callback.id);
    screen.info(`callback ${callback.name} is deleted`);
    return 0;
  });
}
