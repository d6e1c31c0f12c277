import type { CommandSpec } from "../../args/command-spec.js";

export const DEMO: CommandSpec = {
  name: "demo",
  summary: "run an outage, its e-mail and the replay in a few seconds, and check every count",
  details:
    "Uses its own service, in memory, and real sockets; your data and settings are not touched. Exits 1 if a count is wrong.",
  flags: [],
  examples: [["whcb demo", "see it work"]],
  load: () => import("./run.js"),
};
