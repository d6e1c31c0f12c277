import { parseDuration, parsePositiveDuration } from "../../../domain/duration.js";
import type { CommandBody } from "../../args/command-spec.js";
import { flag, value, valueOr } from "../../args/flag.js";
import { integer, parseShare } from "../../args/flag-values.js";
import { OUTPUT_LINES } from "../../args/shared-flags.js";

export const PORT = valueOr("--port <n>", "the port to listen on; 0: any free port", "9000", integer(0, 65_535));
export const STATUS_CODE = value(
  "--status <code>",
  "answer every POST with this status (default: 200, and 503 for failures)",
  integer(100, 599),
);
export const FAIL_FIRST = value("--fail-first <n>", "fail the first n requests, then recover", integer(1));
export const FAIL_FOR = value("--for <duration>", "fail for this long, then recover", parsePositiveDuration);
export const FLAKY = value("--flaky <share>", "fail this share of the requests, such as 0.2", parseShare);
export const SEED = valueOr("--seed <n>", "with --flaky: the same seed fails the same requests", "1", integer(0, 0xffff_ffff));
export const DELAY = value("--delay <duration>", "wait this long before each answer", parseDuration);
export const HANG = flag("--hang", "never answer");

export const LISTEN: CommandBody = {
  details: "A GET, which is how a service checks a new callback, is always answered with 200 immediately.",
  flags: {
    port: PORT,
    status: STATUS_CODE,
    failFirst: FAIL_FIRST,
    failFor: FAIL_FOR,
    flaky: FLAKY,
    seed: SEED,
    delay: DELAY,
    hang: HANG,
    output: OUTPUT_LINES,
  },
  examples: [
    ["whcb listen", "accept everything"],
    ["whcb listen --port 9000 --status 503", "an endpoint that is down"],
    ["whcb listen --for 30s", "down for half a minute, then back"],
    ["whcb listen --flaky 0.2 --seed 7 -o ndjson", "one in five fails; output for a script"],
  ],
  load: () => import("./run.js"),
};
