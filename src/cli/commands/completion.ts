import { WhcbError } from "../../domain/errors.js";
import { bashScript } from "../completion/bash.js";
import { fishScript } from "../completion/fish.js";
import { powershellScript } from "../completion/powershell.js";
import { wordTree } from "../completion/word-tree.js";
import { zshScript } from "../completion/zsh.js";
import type { Invocation } from "../invocation.js";
import { nearest } from "../parse/nearest.js";
import { SECTIONS } from "./all.js";
import { SHELLS } from "./settings.js";

export async function run({ words, screen }: Invocation): Promise<number> {
  const given = words.operand(0).toLowerCase();
  const shell = SHELLS.find((known) => known === given);
  if (shell === undefined) {
    const meant = nearest(given, SHELLS);
    throw new WhcbError("usage", `no completion for ${JSON.stringify(given)}`, {
      hint: `${meant === null ? "" : `did you mean ${meant}? `}there are: ${SHELLS.join(", ")}`,
    });
  }
  await screen.out(SCRIPTS[shell](wordTree(SECTIONS)));
  return 0;
}

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript, powershell: powershellScript } as const;
