import type { CommandBody } from "../../args/command-spec.js";
import { SHELLS } from "./scripts.js";

export const COMPLETION: CommandBody = {
  operands: [["<shell>", SHELLS.join(", "), { choices: SHELLS }]],
  details:
    "Callbacks, calls, runs and profiles are looked up when Tab is pressed, within 300 ms (or WHCB_COMPLETION_TIMEOUT), and kept for 20\nseconds.",
  flags: {},
  examples: [
    ['eval "$(whcb completion bash)"', "bash, in .bashrc"],
    ['eval "$(whcb completion zsh)"', "zsh, in .zshrc"],
    ["whcb completion fish | source", "fish, in config.fish"],
    ["whcb completion powershell | Out-String | Invoke-Expression", "PowerShell, in $PROFILE"],
  ],
  load: () => import("./run.js"),
};
