import type { CommandSpec } from "../../args/command-spec.js";

export const VERSION: CommandSpec = {
  name: "version",
  summary: "print the version",
  flags: [],
  examples: [["whcb version", "the same as whcb --version"]],
  load: () => import("./run.js"),
};
