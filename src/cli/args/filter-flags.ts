/** Which calls: the same flags on every command that lists or changes several. */

import type { CallFilter } from "../../domain/call-filter.js";
import { WhcbError } from "../../domain/errors.js";
import { choice, type Flag, flag, value, values } from "./flag.js";
import { parseInstant } from "./instant.js";
import type { ParsedArgs } from "./parsed-args.js";
import { readStatusCode } from "./status-codes.js";

export const FAILED = flag("--failed", "calls that failed");
export const SUCCESS = flag("--success", "calls that were delivered or marked so");
export const PENDING = flag("--pending", "calls that wait for their first attempt (whcb serve only)");
export const SINCE = value("--since <when>", 'last attempt at or after: an ISO date, or "2h", "7d" ago', parseInstant);
export const UNTIL = value("--until <when>", "last attempt before", parseInstant);
export const STATUS_CODE = values("--status-code <codes>", '"500", "5xx", "none" (no answer), comma-separated', readStatusCode);
export const CHANNEL = choice("--channel <channel>", "sms, email or voice", ["sms", "email", "voice"]);
export const MESSAGE = value("--message <id>", "responses to this message", String);
export const FROM = value("--from <sender>", "a mobile, e-mail, voice number, MRI or name, whole", String);
export const GREP = value("--grep <text>", "a text somewhere in the content, case ignored", String);

const NARROWING: readonly Flag<unknown>[] = [SINCE, UNTIL, STATUS_CODE, CHANNEL, MESSAGE, FROM, GREP];
export const FILTER_FLAGS: readonly Flag<unknown>[] = [FAILED, SUCCESS, PENDING, ...NARROWING];
/** For commands that fix the status themselves. */
export const NARROWING_FLAGS = NARROWING;

const CHANNELS = { sms: "SMS", email: "EMAIL", voice: "VOICE" } as const;

/** Throws `usage` where two statuses are asked for at once, or the span of time is empty. */
export function readFilter(args: ParsedArgs): CallFilter {
  const statuses = [
    args.get(FAILED) ? ("FAILED" as const) : null,
    args.get(SUCCESS) ? ("SUCCESS" as const) : null,
    args.get(PENDING) ? ("PENDING" as const) : null,
  ].filter((status) => status !== null);
  if (statuses.length > 1) throw new WhcbError("usage", "only one of --failed, --success and --pending can be given");
  const [status] = statuses;
  return status === undefined ? readNarrowing(args) : { status, ...readNarrowing(args) };
}

/** The filter without its status. */
export function readNarrowing(args: ParsedArgs): Omit<CallFilter, "status"> {
  const since = args.get(SINCE);
  const until = args.get(UNTIL);
  const statusCodes = args.get(STATUS_CODE);
  const channel = args.get(CHANNEL);
  const messageId = args.get(MESSAGE);
  const from = args.get(FROM);
  const text = args.get(GREP);
  if (since !== undefined && until !== undefined && since >= until)
    throw new WhcbError("usage", "--since must be before --until");
  return {
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(statusCodes === undefined ? {} : { statusCodes }),
    ...(channel === undefined ? {} : { channel: CHANNELS[channel] }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(from === undefined ? {} : { from }),
    ...(text === undefined ? {} : { text }),
  };
}

/** Whether any of the narrowing flags was given. */
export function isNarrowed(args: ParsedArgs): boolean {
  return NARROWING.some((flag) => args.get(flag) !== undefined);
}
