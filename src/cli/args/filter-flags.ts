/** Which calls: the same flags on every command that lists or changes several. */

import type { CallFilter } from "../../domain/call-filter.js";
import { WhcbError } from "../../domain/errors.js";
import { choice, type Flag, flag, value, values } from "./flag.js";
import { parseInstant } from "./instant.js";
import type { Words } from "./parsed-args.js";
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
export function readFilter(words: Words): CallFilter {
  const statuses = [
    words.get(FAILED) ? ("FAILED" as const) : null,
    words.get(SUCCESS) ? ("SUCCESS" as const) : null,
    words.get(PENDING) ? ("PENDING" as const) : null,
  ].filter((status) => status !== null);
  if (statuses.length > 1) throw new WhcbError("usage", "only one of --failed, --success and --pending can be given");
  const [status] = statuses;
  return status === undefined ? readNarrowing(words) : { status, ...readNarrowing(words) };
}

/** The filter without its status. */
export function readNarrowing(words: Words): Omit<CallFilter, "status"> {
  const since = words.get(SINCE);
  const until = words.get(UNTIL);
  const statusCodes = words.get(STATUS_CODE);
  const channel = words.get(CHANNEL);
  const messageId = words.get(MESSAGE);
  const from = words.get(FROM);
  const text = words.get(GREP);
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
export function isNarrowed(words: Words): boolean {
  return NARROWING.some((flag) => words.get(flag) !== undefined);
}
