/** The members of printed JSON are a documented contract (docs/json.md). All are always there; null means unknown or none. */
import type { ListedCallback } from "../../client/client.js";
import { AUDIT_ACTIONS, WAYS } from "../../domain/audit/audit-entry.js";
import { HEALTH_NAMES } from "../../domain/callback.js";
import { dateOrNull } from "../../wire/dates.js";
import type { JsonFields } from "../args/json-flag.js";
import type { Screen } from "./screen.js";
import { safeJson, text } from "./screen-text.js";

/** The type makes each document complete. */
export type Json<Fields extends JsonFields> = Readonly<Record<keyof Fields, unknown>>;

const PAUSED = "`by` and `until` (null: until it is resumed); null: it isn't paused; `whcb serve` only";

export const CALL_FIELDS = {
  id: "the call's id; empty if the service listed it without one",
  callbackId: "the callback's id",
  callback: "the callback's name",
  status: "PENDING, SUCCESS or FAILED",
  attemptedDate: "of the last attempt, ISO 8601",
  statusCode: "the last answer's; null: no answer came",
  statusMessage: "the last answer's, or why none came",
  messageId: "the message that the response answers",
  messageLocation: "its URL",
  from: "the sender: `name`, `mri`, `mobile`, `email`, `voice`",
  channel: "SMS, EMAIL or VOICE; another one as listed",
  kind: "reply or undeliverable",
  date: "of the response, as the service writes it",
  content: "the response's text",
  customParameters: "of the message",
  attemptCount: "`whcb serve` only",
  nextAttemptDate: "of the scheduled retry, never in the past; `whcb serve` only",
  retryUntil: "the end of its retries; `whcb serve` only",
  settledBy: "dispatcher, user or replay; `whcb serve` only",
  settledByUser: "who has marked it; null: nobody, or not known; `whcb serve` only",
  answer: "of its endpoint to the last attempt, the first 1 KiB; null: none, or none is kept; `whcb serve` only",
} as const;

/** A group has them beside the callback's and those of the call that --group-by names. */
export const GROUP_FIELDS = {
  reason: "with --group-by reason: the answer's message, `no-message`, or why none came",
  hour: "with --group-by hour: of the last attempt",
  count: "with --group-by: the group's calls",
  firstAttemptedDate: "with --group-by: the earliest last attempt",
  lastAttemptedDate: "with --group-by: the latest",
  exampleId: "with --group-by: the id of one of the calls",
} as const;

export const FOLLOWED_FIELDS = {
  callbackId: "the callback's id",
  callback: "the callback's name",
  callId: "the call's id",
  status: "of the call now: SUCCESS or FAILED",
  number: "of the attempt, from 1; `whcb serve` only",
  attemptedDate: "when it began, ISO 8601",
  durationMs: "until the answer, or until there was none; `whcb serve` only",
  cause: "first, retry, probe or replay; `whcb serve` only",
  sentFrom: "user and machine of a replay, as its client says; null: the service sent it",
  statusCode: "the answer's; null: no answer came",
  statusMessage: "the answer's, or why none came",
  error: "the kind of failure if no answer came; `whcb serve` only",
} as const;

export const CALL_DETAILS_FIELDS = {
  ...CALL_FIELDS,
  why: "sentences that explain the state",
  outage: "the open one: `id`, `startedAt`, `failedCalls`, `notifiedAt`, `notifiedBy`",
  attempts:
    "each with `number`, `attemptedDate`, `durationMs`, `cause`, `sentFrom`, `statusCode`, `statusMessage`, `error`, `body`, `resent`, `retryAfterMs`; null: the service doesn't return them",
} as const;

export const CALLBACK_FIELDS = {
  id: "the callback's id",
  name: "its name",
  url: "where responses are POSTed; its secrets are masked without --show-key",
  auth: "`type` and `key`, which is masked without --show-key",
  contentType: "json or xml",
  removeHTML: "whether HTML is removed from the content",
  retriesEnabled: "whether failed calls are retried",
  email: "who gets the e-mail about an outage",
  callbacks: "whether `reply` and `undeliverable` are delivered",
  signing: "whether deliveries are signed; `whcb serve` only",
  signingSecret: "of the command that made it; null: it made none",
  paused: PAUSED,
} as const;

export const STATUS_FIELDS = {
  callbackId: "the callback's id",
  callback: "its name",
  url: "its endpoint, with secrets masked",
  retriesEnabled: "whether failed calls are retried",
  state: `the endpoint's state: ${HEALTH_NAMES.join(", ")}; null: the service doesn't say; \`whcb serve\` only`,
  stateSince: "since when; null: up, idle, or not known",
  downSince: "since when its endpoint has been down; null: it isn't; `whcb serve` only",
  paused: PAUSED,
  sending:
    "why nothing can be sent: the egress proxy can't be used, or no process that sends is known to run; null: it can, or not known; `whcb serve` only",
  waiting: "how many calls are PENDING; null: none, or not known; `whcb serve` only",
  waitingSince: "when the oldest of them was accepted; null: none, or not known; `whcb serve` only",
  failed: "how many calls are FAILED",
  lookedAt: "how many of them were read, the newest ones",
  byStatusCode: "of those read: `statusCode` (null: no answer) and `calls`, the most frequent first",
  byHour: "of those read: by hour of the last attempt, the last 24 hours, oldest first",
  oldestAttempt: "the earliest last attempt of those read",
  newestAttempt: "the latest",
  retried: "those that will be retried: `calls`, `nextAttemptDate`, `until`; `whcb serve` only",
  expired: "how many FAILED calls aren't retried any more, as their window is over; null: none, or not known; `whcb serve` only",
  outages:
    "the open ones: `id`, `startedAt`, `recoveringSince` (null: calls fail), `failedCalls`, `notifiedAt`, `notifiedBy`, `mailError` (why the e-mail isn't sent yet); `whcb serve` only",
} as const;

export const CHECK_FIELDS = {
  ok: "whether no limit is exceeded",
  failed: "how many calls are FAILED",
  callbacks: "each with `id`, `name`, `failed`",
  oldestAttempt: "the earliest last attempt of a failed call",
  maxFailed: "the limit of --max-failed",
  maxAgeMs: "the limit of --max-age",
  maxWaitingAgeMs: "the limit of --max-waiting-age",
  problems: "sentences that name the limits that are exceeded, and beside them what can't be counted",
} as const;

export const OUTAGE_FIELDS = {
  id: "the outage's id",
  callbackId: "the callback's id",
  callback: "its name; its id if it was deleted",
  startedAt: "ISO 8601",
  endedAt: "null: it is open",
  recoveringSince: "of an open one: when calls were accepted again; null: they fail",
  failedCalls: "how many calls first failed in it",
  notifiedAt: "when its e-mail was sent or written to a file; null: it wasn't",
  notifiedBy: "smtp or file",
} as const;

export const AUDIT_FIELDS = {
  id: "the entry's id",
  at: "ISO 8601",
  action: AUDIT_ACTIONS.join(", "),
  user: "a user of the service, or user@host of a command on the database; null: not known",
  via: WAYS.join(", "),
  address: "the client's; null: a command on the database",
  callbackId: "the callback's id; null: of no callback",
  callback: "the name that it had",
  count: "calls, attempts, tests, or sign-ins that failed; null: neither",
  details:
    "what is known besides: `settings` (each with `setting`, `before`, `after`), `status`, `settledBy`, `filter`, `callId`, `callIdsDigest`, `replayId`, `username`, `newApiKey`, `mails`, `filters`",
} as const;

export const RUN_FIELDS = {
  runId: "the run's id",
  kind: "replay, reconcile or mark",
  state: "running, unfinished, finished or discarded",
  who: "user and machine",
  profile: "the profile it ran with",
  service: "the service's URL or file",
  startedAt: "ISO 8601",
  lastAt: "of the last step",
  callbacks: "each with `id`, `name`, `url`, whose secrets are masked",
  sentTo: "the URL of --to, with secrets masked; null: the callbacks' own",
  counts:
    "calls by result: `planned`, `accepted`, `rejected`, `seen`, `requested`, `skipped`, `unknown`, `left`, `notFound`, `marked`, `twice` (somebody else had settled them before the mark, so the receiver may have them twice), `resent` (on a fresh connection), `toMark`",
} as const;

export const RUN_DETAILS_FIELDS = {
  ...RUN_FIELDS,
  calls: "each with `id`, `callbackId`, `state`, `marked`, `statusCode`, `reason`, `at`",
} as const;

export const USER_FIELDS = {
  username: "the user's name",
  origin: "start (given to or made by `serve`) or added",
  changedAt: "of the last change, ISO 8601",
} as const;

export const PROFILE_FIELDS = {
  name: "the profile's name",
  url: "a URL or a database file",
  username: "for the service",
  callback: "the default callback",
  timezone: "of the service's dates",
  authParameter: "the query parameter of `queryparam` auth",
  bodyNames: "what a body calls the message's id and URL",
  allowNetwork: "networks that replays may be sent to",
  rate: "requests a second",
  current: "whether it is used by default",
} as const;

export const SETTING_FIELDS = {
  profile: "the profile's name",
  url: "a URL or a database file",
  username: "for the service",
  password: "masked",
  apiKey: "masked",
  callback: "the default callback",
  timezone: "of the service's dates",
  country: "of mobile numbers without a country code",
  authParameter: "the query parameter of `queryparam` auth",
  bodyNames: "what a body calls the message's id and URL",
  allowNetwork: "networks that replays may be sent to",
  rate: "requests a second",
} as const;

/** Returns only the members that --json names. */
export function pickFields(
  document: Readonly<Record<string, unknown>>,
  names: readonly string[] | null,
): Readonly<Record<string, unknown>> {
  return names === null ? document : Object.fromEntries(names.map((name) => [name, document[name]]));
}

export async function writeJson(document: Readonly<Record<string, unknown>>, screen: Screen): Promise<void> {
  await screen.out(text`${safeJson(pickFields(document, screen.jsonFields), 2)}\n`);
}

export function pauseJson({ pause }: Pick<ListedCallback, "pause">) {
  return pause && { by: pause.by, until: dateOrNull(pause.until) };
}
