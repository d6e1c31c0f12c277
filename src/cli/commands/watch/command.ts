import type { CommandBody } from "../../args/command-spec.js";

export const WATCH: CommandBody = {
  operands: [["[callback]", "id or name (default: the profile's default callback, else all callbacks)"]],
  details: `Fills the terminal; q quits. In a pipe it prints one line per change, and "no change" after 10 quiet seconds, until Ctrl-C or
until its reader has gone.
It shows the rates in and out, failures as they arrive, outages as they open and close, and how long the backlog takes at the present
rate. The requests stay within the platform's rate. If the service stops answering, it says so, and since when.`,
  flags: {},
  examples: [
    ["whcb watch", "all callbacks"],
    ["whcb watch demo", "one callback"],
    ["whcb watch demo | tee watch.log", "one line per change"],
  ],
  load: () => import("./run.js"),
};
