import type { Invocation } from "../../args/command-spec.js";
import { text } from "../../output/screen-text.js";

export async function run({ deps, screen }: Invocation): Promise<void> {
  await screen.out(text`${deps.version}\n`);
}
