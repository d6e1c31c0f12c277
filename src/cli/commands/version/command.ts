import type { CommandBody, Invocation } from "../../args/command-spec.js";
import { text } from "../../output/screen-text.js";

export const VERSION: CommandBody = {
  flags: {},
  examples: [["whcb version", "the same as whcb --version"]],
  load: async () => ({ run: printVersion }),
};

async function printVersion({ deps, screen }: Invocation): Promise<void> {
  await screen.out(text`${deps.version}\n`);
}
