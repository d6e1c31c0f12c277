/** How a replay sends. */

import { WhcbError } from "../../domain/errors.js";
import { DEFAULT_REPLAY_OPTIONS, type ReplayOptions } from "../../runs/run-options.js";
import type { ParsedArgs } from "./flag.js";
import { choice, choiceOr, flag, value, valueOr } from "./flag.js";
import { integer, parseRate } from "./flag-values.js";

export const CONCURRENCY = valueOr(
  "--concurrency <n>",
  "requests at once",
  String(DEFAULT_REPLAY_OPTIONS.concurrency),
  integer(1, 256),
);
export const RATE = value("--rate <n/s>", "requests a second at most, such as 20/s", parseRate);
export const NO_CANARY = flag("--no-canary", "don't try one call first");
export const MAX_FAILURES = valueOr(
  "--max-failures <n>",
  "stop after this many failures in a row",
  String(DEFAULT_REPLAY_OPTIONS.maxFailures),
  integer(1),
);
export const SERIAL_BY = choice("--serial-by <what>", "keep the order within one sender or message: from or message", [
  "from",
  "message",
]);
export const TO = value("--to <url>", "send there instead; marks nothing unless --mark", readEndpoint);
export const WITH_AUTH = flag("--with-auth", "with --to: send the callback's auth all the same");
export const MARK = flag("--mark", "with --to: mark what was accepted all the same");
export const VIA = choiceOr("--via <what>", "direct: send from here; service: ask the service to send", "direct", [
  "direct",
  "service",
]);
export const DRY_RUN = flag("--dry-run", "show what would be done, and do nothing");
export const PRINT_CURL = flag("--print-curl", "with --dry-run: print the requests as curl commands");
export const SKIP_RETRYING = flag("--skip-retrying", "leave calls that the service is still retrying");

export const SENDING_FLAGS = [CONCURRENCY, RATE, NO_CANARY, MAX_FAILURES, SERIAL_BY] as const;

export function readReplayOptions(args: ParsedArgs): ReplayOptions {
  const to = args.get(TO) ?? null;
  if (to === null && (args.get(WITH_AUTH) || args.get(MARK)))
    throw new WhcbError("usage", "--with-auth and --mark only mean something with --to");
  const viaService = args.get(VIA) === "service";
  if (viaService && to !== null)
    throw new WhcbError("usage", "the service sends to its callbacks only: --via service and --to don't go together");
  return {
    ...DEFAULT_REPLAY_OPTIONS,
    concurrency: args.get(CONCURRENCY),
    rate: args.get(RATE) ?? null,
    canary: !args.get(NO_CANARY),
    maxFailures: args.get(MAX_FAILURES),
    serialBy: args.get(SERIAL_BY) ?? null,
    to,
    withAuth: args.get(WITH_AUTH),
    mark: to === null || args.get(MARK),
    viaService,
  };
}

function readEndpoint(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new Error("is no http or https URL");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "")
    throw new WhcbError("usage", "--to has credentials in it, where other users could read them");
  return text;
}
