import { formatDuration, parseDuration } from "../../../domain/duration.js";
import { RETAIN_RUNS_MS } from "../../../domain/service-settings.js";
import { RUN_CALL_STATES } from "../../../runs/journal/run-counts.js";
import { command, type GroupBody } from "../../args/command-spec.js";
import { choice, flag, valueOr } from "../../args/flag.js";
import { jsonFlag } from "../../args/json-flag.js";
import { COLUMNS, OUTPUT, OUTPUT_LINES_IDS } from "../../args/shared-flags.js";
import { RUN_DETAILS_FIELDS, RUN_FIELDS } from "../../output/json-fields.js";
import { YES } from "../../output/questions.js";

const FLAGS = {
  show: {
    outcome: choice("--outcome <outcome>", `only calls with this outcome: ${RUN_CALL_STATES.join(", ")}`, RUN_CALL_STATES),
    output: OUTPUT_LINES_IDS,
    json: jsonFlag(RUN_DETAILS_FIELDS),
  },
  list: { output: OUTPUT, columns: COLUMNS, json: jsonFlag(RUN_FIELDS) },
  prune: {
    olderThan: valueOr(
      "--older-than <duration>",
      "delete those whose last step is at least this old",
      formatDuration(RETAIN_RUNS_MS),
      parseDuration,
    ),
    dryRun: flag("--dry-run", "only list them"),
    yes: YES,
    output: OUTPUT,
    columns: COLUMNS,
    json: jsonFlag(RUN_FIELDS),
  },
};
export type RunsFlags = typeof FLAGS;

export const RUNS: GroupBody = {
  commands: [
    command({
      name: "list",
      summary: "list the runs, newest first",
      flags: FLAGS.list,
      examples: [
        ["whcb runs list", "what was replayed and marked from here"],
        ["whcb runs list -o json", "for a script"],
      ],
      load: async () => ({ run: (await import("./run.js")).printRuns }),
    }),
    command({
      name: "show",
      aliases: ["get"],
      operands: [["[run]", "a run's id, or 6 or more characters of its beginning or end; left out: the latest run"]],
      summary: "show a run and the result of each call",
      flags: FLAGS.show,
      examples: [
        ["whcb runs show", "the latest run"],
        ["whcb runs show 20261125-0103", "by the beginning of its id"],
        ["whcb runs show 20261125-0103 -o ndjson", "one line per call"],
        ["whcb runs show 20261125-0103 --outcome rejected -o ids | whcb replay demo -", "send again what was rejected"],
      ],
      details:
        "-o ids of a run that only marks has the calls that it has, or may have, marked; that of a replay or reconcile needs --outcome.",
      load: async () => ({ run: (await import("./run.js")).showRun }),
    }),
    {
      name: "discard",
      operands: [["<run>", "a run's id, or 6 or more characters of its beginning or end"]],
      summary: "give up an unfinished run: it is never resumed or mentioned again, and its journal stays",
      details:
        "Of a replay by the service (`--via service`), what the service has not begun to send is cancelled too.\nIf calls of it have arrived, or your list had them, but they aren't marked, it asks first: the next replay sends them.",
      flags: { yes: YES },
      examples: [["whcb runs discard 20261125-0103", "by the beginning of its id"]],
      load: async () => ({ run: (await import("./run.js")).discardNamedRun }),
    },
    command({
      name: "prune",
      summary: "delete the journals of finished and discarded runs that are old",
      details:
        "An unfinished run is never deleted, nor marks since it began: finish it with `whcb replay --resume`, or discard it first.",
      flags: FLAGS.prune,
      examples: [
        ["whcb runs prune --dry-run", "list what would be deleted"],
        ["whcb runs prune --older-than 90d --yes", "for cron"],
      ],
      load: async () => ({ run: (await import("./run.js")).pruneRuns }),
    }),
  ],
  examples: [["whcb runs list", "what was replayed and marked from here"]],
};
