import { WhcbError } from "../../../domain/errors.js";
import { closestMatch } from "../../args/closest-match.js";
import type { Invocation } from "../../invocation.js";
import { bashScript } from "./bash.js";
import { fishScript } from "./fish.js";
import { powershellScript } from "./powershell.js";
import { SHELLS } from "./shells.js";
import { zshScript } from "./zsh.js";

export async function run({ args, screen, completionWords }: Invocation): Promise<number> {
  const given = args.operand(0).toLowerCase();
  const shell = SHELLS.find((known) => known === given);
  if (shell === undefined) {
    const meant = closestMatch(given, SHELLS);
    throw new WhcbError("usage", `no completion for ${JSON.stringify(given)}`, {
      hint: `${meant === null ? "" : `did you mean ${meant}? `}there are: ${SHELLS.join(", ")}`,
    });
  }
  await screen.out(SCRIPTS[shell](await completionWords()));
  return 0;
}

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript, powershell: powershellScript } as const;
