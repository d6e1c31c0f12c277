import type { Invocation } from "../../args/command-spec.js";
import { text } from "../../output/screen-text.js";

export async function run({ deps, screen }: Invocation): Promise<number> {
  await screen.out(text`${deps.version}\n`);
  return 0;
}
