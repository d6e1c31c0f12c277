import type { CommandBody } from "../../args/command-spec.js";

export const TRIAGE: CommandBody = {
  operands: [["[callback]", "id or name (default: the profile's default callback, else all callbacks, to choose from)"]],
  details: `Fills the terminal: from groups (by status code and reason, hour, sender or message) to a group, to its calls, to one call with its
attempts and how they differ. At each level: replay one, ten or all, mark, copy as curl, save the ids, undo the last mark.
Each action runs the command that it shows, with its questions, journal, lock and limits.
Arrows or j and k move, Enter opens, Esc goes back, / filters, space selects calls, Tab groups by something else, ? lists the actions,
R reads again, @ lists the commands that were run, q quits.`,
  flags: {},
  examples: [
    ["whcb triage", "choose a callback first"],
    ["whcb triage demo", "the failed calls of one callback"],
  ],
  load: () => import("./run.js"),
};
