import type { CommandSpec } from "../../args/command-spec.js";

export const DEMO: CommandSpec = {
  name: "demo",
  summary: "run an outage, its e-mail and the replay in a few seconds, and check every count",
  details:
    "It uses its own in-memory service and real sockets; your data and settings aren't touched. Exits 1 if a count is wrong.",
  flags: [],
  examples: [["whcb demo", "see it work"]],
  load: () => import("./run.js"),
};
