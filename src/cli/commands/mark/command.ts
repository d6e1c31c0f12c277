import { command, type Operand } from "../../args/command-spec.js";
import { FAILED, NARROWING_FLAGS, SUCCESS } from "../../args/filter-flags.js";
import { under, value } from "../../args/flag.js";
import { DRY_RUN, WAIT } from "../../args/sending-flags.js";
import { ALL_CALLBACKS, FILE, OUTPUT_LINES } from "../../args/shared-flags.js";
import { YES } from "../../output/questions.js";

const OPERANDS: readonly Operand[] = [
  ["[callback]", "id or name; left out: the profile's default callback, else all callbacks"],
  ["[call...]", "ids of calls, or the first 6 or more digits of them; - reads whole ids from stdin"],
];

const DETAILS =
  "A first argument of 32 hex digits, or -, is a call and not a callback. Up to 100 calls are marked per request;\nthose that have the status already are left out.\nOn a terminal it asks first; a script needs --yes.";

const UNDO_FLAG = {
  ...value(
    "--undo <run>",
    "the calls that this run of mark-success, or the list of this reconcile, has marked (an id of `whcb runs list`)",
    String,
  ),
  conflicts: [SUCCESS, ...Object.values(NARROWING_FLAGS), ALL_CALLBACKS, FILE],
};

const FLAGS = {
  success: {
    ...under("Which calls", { failed: FAILED, ...NARROWING_FLAGS, allCallbacks: ALL_CALLBACKS, file: FILE }),
    yes: YES,
    dryRun: DRY_RUN,
    output: OUTPUT_LINES,
  },
  failed: {
    ...under("Which calls", { success: SUCCESS, ...NARROWING_FLAGS, allCallbacks: ALL_CALLBACKS, file: FILE, undo: UNDO_FLAG }),
    yes: YES,
    dryRun: DRY_RUN,
    wait: WAIT,
    output: OUTPUT_LINES,
  },
  undo: { yes: YES, dryRun: DRY_RUN, wait: WAIT, output: OUTPUT_LINES },
};
export type MarkFlags = typeof FLAGS;

export const MARK_SUCCESS = command({
  operands: OPERANDS,
  details: DETAILS,
  flags: FLAGS.success,
  examples: [
    ["whcb mark-success demo 0193F0C2A5B87C119D2E4F6A8B0C1D2E", "one call"],
    ["whcb mark-success demo --failed --until 2026-11-01", "what is too old to matter"],
    ["psql -Atc 'select webhook_id from inbox' | whcb mark-success demo - --yes", "ids from another program"],
    ["whcb mark-success demo --file handled.txt", "ids from a file"],
  ],
  load: async () => ({ run: (await import("./run.js")).markSuccess }),
});

export const MARK_FAILED = command({
  operands: OPERANDS,
  details: `${DETAILS}\nNothing is sent and nothing becomes due.`,
  flags: FLAGS.failed,
  examples: [
    ["whcb mark-failed demo 0193F0C2A5B87C119D2E4F6A8B0C1D2E", "one call"],
    ["whcb mark-failed demo --success --since 2h", "what the endpoint accepted and lost"],
    ["whcb mark-failed demo --file lost.txt --yes", "ids from a file"],
    ["whcb mark-failed --undo 20261126-010203-0427F3A", "exactly what that run marked SUCCESS"],
  ],
  load: async () => ({ run: (await import("./run.js")).markFailed }),
});

export const UNDO = command({
  operands: [
    [
      "[run]",
      "a run's id, or 6 or more characters of its beginning or end; left out: the latest one that wasn't undone, after a question",
    ],
  ],
  details:
    "Marks FAILED again exactly the calls that a run of mark-success, or a reconcile by its list, has marked, except those that the endpoint has\naccepted or another run has marked since; a run that has more of them to mark is discarded. It is the same as\n`whcb mark-failed --undo <run>`. What a replay or a reconcile has sent can't be taken back.\nOn a terminal it asks first; a script needs the run and --yes.",
  flags: FLAGS.undo,
  examples: [
    ["whcb undo --dry-run", "show what the latest run marked, and do nothing"],
    ["whcb undo", "ask, and take back the marks of the latest run"],
    ["whcb undo 20261126-010203-0427F3A --yes", "in a script"],
  ],
  load: async () => ({ run: (await import("./run.js")).undo }),
});
