import { requireOneOf } from "../../args/closest-match.js";
import type { Invocation } from "../../args/command-spec.js";
import { layoutText } from "../../output/screen-text.js";
import { SCRIPTS, SHELLS } from "./scripts.js";

export async function run({ args, screen }: Invocation): Promise<void> {
  const given = args.operand(0);
  const shell = requireOneOf(given.toLowerCase(), SHELLS, `no completion for ${JSON.stringify(given)}`);
  await screen.out(layoutText(SCRIPTS[shell]));
}
