import { type CallFilter, parseStatusCodePattern, type StatusCodePattern } from "../../domain/call-filter.js";
import { WhcbError } from "../../domain/errors.js";
import { channelOf } from "../../domain/message-response.js";
import { type Flag, flag, type ParsedArgs, value, values } from "./flag.js";
import { parseInstant } from "./flag-values.js";

export const FAILED = flag("--failed", "calls that failed");
export const SUCCESS = flag("--success", "calls that were delivered, or marked SUCCESS");
export const PENDING = flag("--pending", "calls that wait for their first attempt (whcb serve only)");
export const SINCE = value("--since <when>", 'last attempt at or after: an ISO date, or "2h", "7d" ago', parseInstant);
export const UNTIL = value("--until <when>", "last attempt before", parseInstant);
export const STATUS_CODE = values("--status-code <codes>", '"500", "5xx", "none" (no answer), comma-separated', readStatusCode);
export const REASON = value(
  "--reason <text>",
  'the answer\'s message, "no-message", "refused", …: as --group-by reason shows it',
  String,
);
export const CHANNEL = {
  ...value("--channel <channel>", "sms, email or voice; another one as listed", channelOf),
  choices: ["sms", "email", "voice"],
};
export const MESSAGE = value("--message <id>", "responses to this message", String);
export const FROM = value(
  "--from <sender>",
  "the sender as lists show it, exactly: its mobile, else e-mail, voice number, MRI or name",
  String,
);
export const GREP = value("--grep <text>", "calls whose content contains this text, ignoring case", String);

/** For commands that set the status themselves. */
export const NARROWING_FLAGS = {
  since: SINCE,
  until: UNTIL,
  statusCodes: STATUS_CODE,
  reason: REASON,
  channel: CHANNEL,
  messageId: MESSAGE,
  from: FROM,
  text: GREP,
};
export const FILTER_FLAGS = { failed: FAILED, success: SUCCESS, pending: PENDING, ...NARROWING_FLAGS };

/** Throws `usage` for two statuses, or a --since that isn't before --until. */
export function readFilter(args: ParsedArgs): CallFilter {
  const statuses = [
    args.get(FAILED) ? ("FAILED" as const) : null,
    args.get(SUCCESS) ? ("SUCCESS" as const) : null,
    args.get(PENDING) ? ("PENDING" as const) : null,
  ].filter((status) => status !== null);
  if (statuses.length > 1) throw new WhcbError("usage", "--failed, --success and --pending exclude each other");
  const [status] = statuses;
  return status === undefined ? readNarrowing(args) : { status, ...readNarrowing(args) };
}

export function readNarrowing(args: ParsedArgs): Omit<CallFilter, "status"> {
  const since = args.get(SINCE);
  const until = args.get(UNTIL);
  const statusCodes = args.get(STATUS_CODE);
  const reason = args.get(REASON);
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
    ...(reason === undefined ? {} : { reason }),
    ...(channel === undefined ? {} : { channel }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(from === undefined ? {} : { from }),
    ...(text === undefined ? {} : { text }),
  };
}

export function isNarrowed(args: ParsedArgs): boolean {
  return Object.values<Flag<unknown>>(NARROWING_FLAGS).some((flag) => args.get(flag) !== undefined);
}

function readStatusCode(text: string): StatusCodePattern {
  const pattern = parseStatusCodePattern(text.toLowerCase());
  if (pattern === null) throw new Error('must be a status code: "500", "5xx", or "none" for no answer');
  return pattern;
}
