import type { GroupSpec } from "../../args/command-spec.js";
import { COLUMNS, OUTPUT, OUTPUT_LINES } from "../../args/shared-flags.js";

export const RUNS: GroupSpec = {
  name: "runs",
  summary: "the journal of replays and marks: who, when, which calls, and the result of each",
  commands: [
    {
      name: "list",
      summary: "list the runs, newest first",
      flags: [OUTPUT, COLUMNS],
      examples: [
        ["whcb runs list", "what was replayed and marked from here"],
        ["whcb runs list -o json", "for a script"],
      ],
      load: async () => ({ run: (await import("./run.js")).listRunsCommand }),
    },
    {
      name: "show",
      operands: [["[run]", "a run's id, or the beginning or end of one; left out: the latest run"]],
      summary: "show a run and the result of each call",
      flags: [OUTPUT_LINES],
      examples: [
        ["whcb runs show", "the latest run"],
        ["whcb runs show 20261125-0103", "by the beginning of its id"],
        ["whcb runs show 20261125-0103 -o ndjson", "one line per call"],
      ],
      load: async () => ({ run: (await import("./run.js")).showRun }),
    },
    {
      name: "discard",
      operands: [["<run>", "a run's id, or the beginning or end of one"]],
      summary: "give up an unfinished run: it is never resumed or mentioned again, and its journal stays",
      flags: [],
      examples: [["whcb runs discard 20261125-0103", "by the beginning of its id"]],
      load: async () => ({ run: (await import("./run.js")).discardRunCommand }),
    },
  ],
  examples: [["whcb runs list", "what was replayed and marked from here"]],
};
