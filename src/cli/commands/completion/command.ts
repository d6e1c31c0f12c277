import type { CommandSpec } from "../../args/command-spec.js";

export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

export const COMPLETION: CommandSpec = {
  name: "completion",
  operands: [["<shell>", SHELLS.join(", ")]],
  summary: "print a shell's completion script",
  flags: [],
  examples: [
    ['eval "$(whcb completion bash)"', "bash, in .bashrc"],
    ['eval "$(whcb completion zsh)"', "zsh, in .zshrc"],
    ["whcb completion fish | source", "fish, in config.fish"],
    ["whcb completion powershell | Out-String | Invoke-Expression", "PowerShell, in $PROFILE"],
  ],
  load: () => import("./run.js"),
};
