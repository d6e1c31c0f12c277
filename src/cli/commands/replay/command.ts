import { command } from "../../args/command-spec.js";
import { FAILED, NARROWING_FLAGS } from "../../args/filter-flags.js";
import { type Flag, flag, needing, under, value } from "../../args/flag.js";
import { integer } from "../../args/flag-values.js";
import { DRY_RUN, SENDING_FLAGS, TARGET_FLAGS, WAIT } from "../../args/sending-flags.js";
import { ALL_CALLBACKS, FILE, OUTPUT_LINES } from "../../args/shared-flags.js";
import { YES } from "../../output/questions.js";

const PRINT_CURL = {
  ...flag("--print-curl", "with --dry-run: print the requests as curl commands"),
  needs: [{ flag: DRY_RUN }],
};

const SELECTING_FLAGS = {
  failed: FAILED,
  ...NARROWING_FLAGS,
  allCallbacks: ALL_CALLBACKS,
  file: FILE,
  skipRetrying: flag("--skip-retrying", "leave out calls that the service is still retrying"),
  limit: value("--limit <n>", "only the oldest n, of each callback", integer(1)),
};
const { to, ...PLANNED_TARGET } = TARGET_FLAGS;
const DIRECT_FLAGS = needing([{ flag: TARGET_FLAGS.via, value: "direct" }], SENDING_FLAGS);
/** What a run sends, and where, is fixed when it begins. */
const PLANNING_FLAGS = Object.values({ ...SELECTING_FLAGS, ...PLANNED_TARGET, dryRun: DRY_RUN, printCurl: PRINT_CURL });

/** `RESUME` is null if no run is named. */
const RESUME: Flag<string | null | undefined> = {
  syntax: "--resume [run]",
  summary: "finish an interrupted run (this one, or without --yes the latest one), sent as before but for what is given",
  conflicts: PLANNING_FLAGS,
  read: (raw) => (raw === true ? null : typeof raw === "string" ? raw : undefined),
};
const RESEND_UNKNOWN = {
  ...flag("--resend-unknown", "with --resume: send calls again that may have arrived already"),
  needs: [{ flag: RESUME }],
};
const DETACH = {
  ...flag("--detach", "with --via service: don't wait until the service has sent the calls"),
  needs: [{ flag: TARGET_FLAGS.via, value: "service" }, { flag: RESUME }],
};

const CANCEL = {
  ...value("--cancel <replay>", "cancel what the service has not begun to send of this replay (its run's id)", String),
  conflicts: [...PLANNING_FLAGS, ...Object.values(SENDING_FLAGS), to, DETACH, WAIT, RESUME, RESEND_UNKNOWN],
};

const FLAGS = {
  ...under("Which calls", SELECTING_FLAGS),
  ...under("How to send", { ...DIRECT_FLAGS, ...TARGET_FLAGS, detach: DETACH, wait: WAIT }),
  ...under("Continuing or cancelling a run", { resume: RESUME, resendUnknown: RESEND_UNKNOWN, cancel: CANCEL }),
  yes: YES,
  dryRun: DRY_RUN,
  printCurl: PRINT_CURL,
  output: OUTPUT_LINES,
};
export type ReplayFlags = typeof FLAGS;

export const REPLAY = command({
  operands: [
    ["[callback]", "id or name; left out: the profile's default callback, else all callbacks"],
    ["[call...]", "ids of calls, or the first 6 or more digits of them; - reads whole ids from stdin"],
  ],
  details: `All matching calls are listed before one is sent. The oldest are sent first, after one canary: if it fails, nothing else is
sent, but if its answer may be about its body (such as 422 or 500), up to two more calls are tried. Each step is written to a journal
before the next one, so that nothing is lost on Ctrl-C, kill -9 or a power cut: \`whcb replay --resume\` continues. The platform's rate
limits are respected by default.
Only one run at a time sends the calls of a callback; a second one ends, or waits with --wait.
With --via service the service sends them, and this shows its progress; Ctrl-C stops only that. --cancel stops the service: calls in
flight finish, and what was not sent keeps its retries.
On a terminal it asks first; a script needs --yes, and beside it the run that --resume finishes.`,
  flags: FLAGS,
  examples: [
    ["whcb replay demo --failed --dry-run", "show what would be sent"],
    ["whcb replay demo --failed", "ask, send, mark"],
    ["whcb replay demo --failed --since 2h --status-code 5xx,none --rate 20/s --yes", "in a script, slowly"],
    ["whcb replay demo --failed --limit 10", "the ten oldest, to see whether the endpoint works again"],
    ["whcb replay --failed", "the calls of every callback"],
    ["whcb calls list demo --failed -o ids | whcb replay demo - --yes", "calls selected by another program"],
    ["whcb replay demo --failed --to http://127.0.0.1:9000/ --dry-run --print-curl", "print the requests"],
    ["whcb replay demo --failed --via service --detach --yes", "let the service send them, and don't wait"],
    ["whcb replay demo --cancel 20261126-010203-0427F3A", "cancel what it has not sent"],
    ["whcb replay --resume", "finish an interrupted run"],
  ],
  load: () => import("./run.js"),
});
