import { parseDuration, parsePositiveDuration } from "../../../domain/duration.js";
import { command } from "../../args/command-spec.js";
import { flag, value, valueOr } from "../../args/flag.js";
import { integer, parseShare } from "../../args/flag-values.js";
import { OUTPUT_LINES } from "../../args/shared-flags.js";

const STATUS = value(
  "--status <code>",
  "answer every POST with this status (default: 200, and 503 for failures)",
  integer(100, 599),
);
const FLAKY = value("--flaky <share>", "fail this share of the requests, such as 0.2", parseShare);

const FLAGS = {
  port: valueOr("--port <n>", "the port to listen on; 0: any free port", "9000", integer(0, 65_535)),
  status: STATUS,
  failFirst: value("--fail-first <n>", "fail the first n requests, then recover", integer(1)),
  failFor: value("--for <duration>", "fail for this long, then recover", parsePositiveDuration),
  flaky: FLAKY,
  seed: {
    ...valueOr("--seed <n>", "with --flaky: the same seed fails the same requests", "1", integer(0, 0xffff_ffff)),
    needs: [{ flag: FLAKY }],
  },
  delay: value("--delay <duration>", "wait this long before each answer", parseDuration),
  hang: { ...flag("--hang", "never answer"), conflicts: [STATUS] },
  output: OUTPUT_LINES,
};
export type ListenFlags = typeof FLAGS;

export const LISTEN = command({
  details:
    "A GET, which is how a service checks a new callback, is always answered with 200 immediately.\nWhat is answered with 200 counts as delivered: at the address of a real callback, --status 503 keeps its calls FAILED.",
  flags: FLAGS,
  examples: [
    ["whcb listen", "accept everything"],
    ["whcb listen --port 9000 --status 503", "an endpoint that is down"],
    ["whcb listen --for 30s", "down for half a minute, then back"],
    ["whcb listen --flaky 0.2 --seed 7 -o ndjson", "one in five fails; output for a script"],
  ],
  load: () => import("./run.js"),
});
