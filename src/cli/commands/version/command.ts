import type { CommandBody } from "../../args/command-spec.js";

export const VERSION: CommandBody = {
  flags: {},
  examples: [["whcb version", "the same as whcb --version"]],
  load: () => import("./run.js"),
};
