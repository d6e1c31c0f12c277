import { command } from "../../args/command-spec.js";
import { flag } from "../../args/flag.js";

const FLAGS = { keep: flag("--keep", "add hours with two outages, and leave the service running for a look at its console") };
export type DemoFlags = typeof FLAGS;

export const DEMO = command({
  details:
    "It uses its own in-memory service and real sockets; your data and settings aren't touched. Exits 1 if a count is wrong.",
  flags: FLAGS,
  examples: [
    ["whcb demo", "see it work"],
    ["whcb demo --keep", "see it in the browser, until Ctrl-C"],
  ],
  load: () => import("./run.js"),
});
