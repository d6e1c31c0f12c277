import { type CallFilter, parseStatusCodePattern, type StatusCodePattern } from "../../domain/call-filter.js";
import { WhcbError } from "../../domain/errors.js";
import { channelOf } from "../../domain/message-response.js";
import { withoutUndefined } from "../../wire/json/json-value.js";
import { type FlagValues, flag, value, values } from "./flag.js";
import { parseInstant } from "./typed-instant.js";

export const FAILED = flag("--failed", "calls that failed");
export const SUCCESS = flag("--success", "calls that were delivered, or marked SUCCESS");
export const SINCE = value(
  "--since <when>",
  'last attempt at or after: "2h" or "1h30m" ago, "05:00", "yesterday 05:00", a date; local time, or UTC with --utc',
  parseInstant,
);
export const UNTIL = value("--until <when>", "last attempt before", parseInstant);

/** Commands that set the status themselves have only these. */
export const NARROWING_FLAGS = {
  since: SINCE,
  until: UNTIL,
  statusCodes: values("--status-code <codes>", '"500", "5xx", "none" (no answer), comma-separated', readStatusCode),
  reason: value("--reason <text>", 'the answer\'s message, "no-message", "refused", …: as --group-by reason shows it', String),
  channel: {
    ...value("--channel <channel>", "sms, email or voice; another one as listed", channelOf),
    choices: ["sms", "email", "voice"],
  },
  messageId: value("--message <id>", "responses to this message", String),
  from: value(
    "--from <sender>",
    "the sender as lists show it, exactly: its mobile, else e-mail, voice number, MRI or name",
    String,
  ),
  answer: value("--answer <text>", "calls whose endpoint's answer contains this text, ignoring case (whcb serve only)", String),
  text: value("--grep <text>", "calls whose content contains this text, ignoring case", String),
};
type Narrowing = FlagValues<typeof NARROWING_FLAGS>;

export const FILTER_FLAGS = {
  failed: FAILED,
  success: SUCCESS,
  pending: flag("--pending", "calls that wait for their first attempt to end (whcb serve only)"),
  ...NARROWING_FLAGS,
};

/** Throws `usage` for two statuses, or a --since that isn't before --until. */
export function readFilter(given: FlagValues<typeof FILTER_FLAGS>): CallFilter {
  const statuses = [
    given.failed ? ("FAILED" as const) : null,
    given.success ? ("SUCCESS" as const) : null,
    given.pending ? ("PENDING" as const) : null,
  ].filter((status) => status !== null);
  if (statuses.length > 1) throw new WhcbError("usage", "--failed, --success and --pending exclude each other");
  const [status] = statuses;
  return { ...(status && { status }), ...readNarrowing(given) };
}

export function readNarrowing(given: Narrowing): CallFilter {
  const { since, until, statusCodes, reason, channel, messageId, from, answer, text } = given;
  if (since !== undefined && until !== undefined && since >= until)
    throw new WhcbError("usage", "--since must be before --until");
  return withoutUndefined({ since, until, statusCodes, reason, channel, messageId, from, answer, text });
}

export function isNarrowed(given: Narrowing & Readonly<Record<string, unknown>>): boolean {
  return Object.keys(NARROWING_FLAGS).some((name) => given[name] !== undefined);
}

function readStatusCode(text: string): StatusCodePattern {
  const pattern = parseStatusCodePattern(text.toLowerCase());
  if (pattern === null) throw new Error('must be a status code: "500", "5xx", or "none" for no answer');
  return pattern;
}
