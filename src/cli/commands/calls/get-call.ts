import type { Client, ListedAttempt, ListedCall, ListedCallback, ListedOutage } from "../../../client/client.js";
import { isAcceptedStatus, MAX_REPORT_BODY } from "../../../domain/attempt.js";
import { isErased } from "../../../domain/call.js";
import { HEALTHS } from "../../../domain/callback.js";
import { callbackOperand, commandLine } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { formatDuration } from "../../../domain/duration.js";
import { advise, isWhcbError, WhcbError } from "../../../domain/errors.js";
import { shownUrl } from "../../../domain/mask.js";
import { type ResponseMessage, senderAddress } from "../../../domain/message-response.js";
import { dateOrNull, toIsoDate } from "../../../wire/dates.js";
import { isUnsent } from "../../../wire/json/call-json.js";
import { indentJson } from "../../../wire/json/indent-json.js";
import type { Invocation } from "../../args/command-spec.js";
import { completeCallIds, onlyMatch } from "../../args/short-ids.js";
import { callJson, statusPaint } from "../../output/call-columns.js";
import { type Column, renderFields } from "../../output/cells.js";
import { type CALL_DETAILS_FIELDS, type Json, writeJson } from "../../output/json-fields.js";
import { describeNotice, pauseText, reportedHealth } from "../../output/outage-text.js";
import { withAdvice } from "../../output/render-error.js";
import type { RenderOptions, TimeOptions } from "../../output/screen.js";
import { joinText, type ScreenText, sanitize, text } from "../../output/screen-text.js";
import { noteLeftOutOf, renderTable } from "../../output/table.js";
import { wrapToWidth } from "../../output/text-width.js";
import { formatInstant, formatRelative, withReadableTime } from "../../output/times.js";
import { findCallback, type Session, withSession } from "../../settings/session.js";

export interface CallDetails extends CallFacts {
  /** `attempts` are null if the service doesn't return them. */
  readonly attempts: readonly ListedAttempt[] | null;
}

export function run(invocation: Invocation): Promise<void> {
  const { screen } = invocation;
  return withSession(invocation, async (session) => {
    const details = await findDetails(session, invocation);
    if (screen.format === "json") await writeJson(detailsJson(details, screen.renderOptions.now), screen);
    else {
      await screen.out(renderDetails(details, screen.renderOptions));
      noteLeftOutOf(details.attempts ?? [], ATTEMPT_COLUMNS, screen);
    }
  });
}

async function findDetails(session: Session, { args, screen }: Invocation): Promise<CallDetails> {
  const { client, settings } = session;
  const [word = ""] = args.operands.slice(-1);
  const named = args.operands.length > 1 ? args.operand(0) : settings.callback.value;
  if (named === null) return findAnywhere(session, word);
  const callback = await findCallback(session, named);
  const [callId = ""] = await completeCallIds([word], async () => [callback], client, screen.info);
  return readTyped(session, callback, callId);
}

/** Throws `usage` if the service can't find a call without its callback. */
async function findAnywhere(session: Session, word: string): Promise<CallDetails> {
  const { client, serviceFlags: flags } = session;
  const places = await client.findCallPlaces(word);
  if (places === null) {
    // A gateway's 403 for an unknown path looks like one for a wrong key.
    await client.verify();
    throw new WhcbError("usage", "missing required argument 'callback'", {
      hint: `${client.name} finds a call in its callback only: ${commandLine({ command: "calls get", operands: ["CALLBACK", word], flags })}`,
    });
  }
  const callId = onlyMatch(word, { callIds: places.calls.map(({ id }) => id), hasMore: places.hasMore });
  const place = places.calls.find(({ id }) => id === callId);
  return readTyped(session, await client.getCallback(place?.callbackId ?? ""), callId);
}

/** Throws `not-found`, with the command that lists the callback's calls. */
async function readTyped({ client, serviceFlags }: Session, callback: ListedCallback, callId: string): Promise<CallDetails> {
  try {
    return await readDetails(client, callback, callId);
  } catch (error) {
    if (!isWhcbError(error, "not-found")) throw error;
    const flags = ["--all", ...serviceFlags];
    const command = commandLine({ command: "calls list", operands: [callbackOperand(callback)], flags });
    throw withAdvice(error, advise`${{ command, when: "to list them" }} lists them`);
  }
}

/** Throws `not-found`. */
export async function readDetails(client: Client, callback: ListedCallback, callId: string): Promise<CallDetails> {
  try {
    const call = await client.getCall(callback.id, callId);
    const [attempts, outages] = await Promise.all([client.listAttempts(callback.id, callId), client.listOutages(callback.id)]);
    const reportsRetries = client.capabilities.has("retry-reports");
    return { call, callback, reportsRetries, attempts, outage: outages?.find(({ endedAt }) => endedAt === null) ?? null };
  } catch (error) {
    if (!isWhcbError(error, "not-found")) throw error;
    throw new WhcbError("not-found", `no call ${callId} in ${callback.name}`, { cause: error });
  }
}

export function renderDetails(details: CallDetails, options: RenderOptions): ScreenText {
  const { call, callback, attempts } = details;
  const { responseMessage, from, messageId, customParameters } = call.response;
  const code = call.statusCode === null ? (isUnsent(call) ? "no outcome yet" : "no answer") : String(call.statusCode);
  const outcome = isErased(call) ? "" : `${code}: `;
  const fields = renderFields(
    [
      ["Call", call.id],
      ["Callback", `${callback.name} (${callback.id})`],
      ["Endpoint", shownUrl(callback)],
      ["Status", call.status, statusPaint(call.status, options.palette)],
      [
        "Last attempt",
        call.attemptedAt === null
          ? null
          : `${formatInstant(call.attemptedAt, options.utc)}, ${outcome}${withReadableTime(call.statusMessage ?? "", options.utc)}`,
      ],
      ["Message", messageId],
      ["Response", [responseText(responseMessage), responseMessage.date].filter(Boolean).join(", ")],
      ["From", [senderAddress(from), from.name].filter((text) => text !== "").join(", ")],
      ["Content", responseMessage.content],
      [
        "Parameters",
        Object.entries(customParameters)
          .map(([name, value]) => `${name}=${value}`)
          .join(", "),
      ],
    ],
    options.palette,
  );
  const why = joinText(explainCall(details, options), "\n");
  return text`${fields}\n${why}\n${renderAttempts(attempts, options)}`;
}

function responseText({ kind, channel }: ResponseMessage): string {
  return channel === "" ? kind : `${kind} by ${channel}`;
}

function renderAttempts(attempts: CallDetails["attempts"], options: RenderOptions): ScreenText {
  if (attempts === null) return text`\nThis service doesn't return the attempts.\n`;
  return attempts.length === 0
    ? text``
    : text`\n${renderTable(attempts, ATTEMPT_COLUMNS, options)}${renderAnswer(attempts, options)}`;
}

const QUOTE = "  | ";

/** Shows what is kept of the last answer, a value of JSON a line, so that no line looks like one of whcb's own. */
function renderAnswer(attempts: readonly ListedAttempt[], { width }: RenderOptions): ScreenText {
  const last = attempts.at(-1);
  const body = last?.body?.trim() ?? "";
  if (last === undefined || body === "") return text``;
  const kept = body.slice(0, MAX_REPORT_BODY);
  const lines = (indentJson(kept) ?? kept).split(/\r\n|[\r\n]/);
  const shown = width === null ? lines : lines.flatMap((line) => wrapToWidth(sanitize(line), width - QUOTE.length));
  const quoted = shown.map((line) => text`${QUOTE}${line}`);
  const cut = kept === body ? text`` : text` (its first ${kept.length} of ${body.length} characters)`;
  return text`\nThe endpoint's answer to attempt ${last.number}${cut}:\n${joinText(quoted, "\n")}\n`;
}

const ATTEMPT_COLUMNS: readonly Column<ListedAttempt>[] = [
  { key: "number", title: "#", value: ({ number }) => number, kind: "number" },
  { key: "attempted", title: "ATTEMPTED", value: ({ attemptedAt }) => attemptedAt, kind: "instant" },
  { key: "took", title: "TOOK", value: ({ durationMs }) => formatDuration(durationMs), dropRank: 2 },
  {
    key: "cause",
    title: "CAUSE",
    value: ({ cause, sentFrom }) => (sentFrom === null ? cause : `${cause} from ${sentFrom}`),
    dropRank: 3,
  },
  {
    key: "code",
    title: "CODE",
    value: ({ statusCode }) => statusCode,
    kind: "number",
    paint: ({ statusCode }, palette) => (isAcceptedStatus(statusCode) ? palette.good : palette.bad),
  },
  { key: "reason", title: "REASON", value: reasonOf, least: 8 },
  { key: "answer", title: "ANSWER", value: ({ body }) => body?.trim() ?? null, least: 8, dropRank: 1, isOptional: true },
];

function reasonOf({ statusMessage, error, isResent, retryAfterMs }: ListedAttempt): string | null {
  const notes = [
    isResent ? "(resent on a fresh connection)" : "",
    retryAfterMs === null ? "" : `(Retry-After: ${formatDuration(retryAfterMs)})`,
  ];
  return [statusMessage || error, ...notes].filter(Boolean).join(" ") || null;
}

function detailsJson(details: CallDetails, now: number): Json<typeof CALL_DETAILS_FIELDS> {
  const { call, callback, outage, attempts } = details;
  return {
    ...callJson({ call: { answer: attempts?.at(-1)?.body ?? null, ...call }, callbackName: callback.name }),
    why: explainCall(details, { utc: true, now }),
    outage:
      outage === null
        ? null
        : {
            id: outage.id,
            startedAt: toIsoDate(outage.startedAt),
            failedCalls: outage.failedCalls,
            notifiedAt: dateOrNull(outage.notifiedAt),
            notifiedBy: outage.notifiedBy,
          },
    attempts:
      attempts?.map((attempt) => ({
        number: attempt.number,
        attemptedDate: toIsoDate(attempt.attemptedAt),
        durationMs: attempt.durationMs,
        cause: attempt.cause,
        sentFrom: attempt.sentFrom,
        statusCode: attempt.statusCode,
        statusMessage: attempt.statusMessage,
        error: attempt.error,
        body: attempt.body,
        resent: attempt.isResent,
        retryAfterMs: attempt.retryAfterMs,
      })) ?? null,
  };
}

interface CallFacts {
  readonly call: ListedCall;
  readonly callback: ListedCallback;
  /** The service says of each call what comes next. */
  readonly reportsRetries: boolean;
  /** `outage` is open, or null if there is none or it isn't returned. */
  readonly outage: ListedOutage | null;
}

export function explainCall(facts: CallFacts, options: TimeOptions): readonly string[] {
  const { call } = facts;
  if (!facts.reportsRetries) return explainUnreported(facts);
  const sentences = call.status === "FAILED" ? explainFailed(facts, options) : [explainOther(call, facts.callback)];
  if (call.status === "SUCCESS") return sentences;
  return [...sentences, ...explainEndpoint(facts, options)];
}

function explainEndpoint({ callback, outage }: CallFacts, { utc }: TimeOptions): readonly string[] {
  const { health, since } = reportedHealth(callback, outage) ?? { since: null };
  const sentences: string[] = [];
  if (callback.pause !== null) {
    sentences.push(`${callback.name} is ${pauseText(callback.pause, utc)}; nothing is sent to it.`);
  } else if (health !== undefined && since !== null) {
    const at = formatInstant(since, utc);
    sentences.push(
      health === "checking"
        ? `The service is checking the endpoint, which has been failing since ${at}.`
        : `The endpoint has been ${HEALTHS[health].text} since ${at}.`,
    );
  }
  if (outage !== null) {
    const notice = describeNotice(outage, utc);
    const failed = count(outage.failedCalls, "failed call");
    sentences.push(
      `Its outage began at ${formatInstant(outage.startedAt, utc)} (${failed}${notice === null ? "" : `; ${notice}`}).`,
    );
  }
  return sentences;
}

function explainFailed({ call, callback }: CallFacts, options: TimeOptions): readonly string[] {
  const at = (instant: number) => `${formatInstant(instant, options.utc)} (${formatRelative(instant, options.now)})`;
  const reason = call.settledBy === "user" ? [`It was marked FAILED${byUser(call)}.`] : [];
  const again = isUnsent(call) ? "" : " again";
  if (call.statusMessage?.startsWith("Held: ") && isUnsent(call)) {
    const held = call.nextAttemptAt === null ? "was held" : "is held";
    reason.push(`It ${held}: it arrived while the endpoint was down, and no attempt of it has ended.`);
  } else if (isUnsent(call)) reason.push("No attempt of it has ended.");
  if (call.nextAttemptAt !== null) {
    const until = call.retryUntil === null ? "" : `, and retries it until ${at(call.retryUntil)}`;
    const sendsAt = call.nextAttemptAt > options.now ? `at ${at(call.nextAttemptAt)}` : "as soon as it is its turn";
    const when = callback.pause?.until === null ? `once ${callback.name} is resumed` : sendsAt;
    return [...reason, `The service sends it${again} ${when}${until}.`];
  }
  const off = callback.retriesEnabled ? "No retry is scheduled" : "Retries are off for this callback";
  const hasEnded = call.retryUntil !== null && call.retryUntil <= options.now;
  const why = hasEnded ? `Its retry window ended at ${at(call.retryUntil)}` : off;
  return [...reason, `${why}: the service won't send it${again} by itself.`];
}

function explainUnreported({ call, callback }: CallFacts): readonly string[] {
  if (call.status === "SUCCESS") return ["It was delivered or marked SUCCESS."];
  if (callback.retriesEnabled === null) return ["Retries: unknown, the service didn't return the callback's setting."];
  return [`Retries are ${callback.retriesEnabled ? "on" : "off"} for this callback.`];
}

function byUser({ settledByUser }: ListedCall): string {
  return settledByUser === null ? "" : ` by ${settledByUser}`;
}

function explainOther(call: ListedCall, callback: ListedCallback): string {
  if (call.status === "PENDING") return "It is waiting for its first attempt to end.";
  if (isErased(call)) return "Its sender's data was erased; nothing more is sent.";
  if (call.settledBy === "user") return `It was marked SUCCESS${byUser(call)}; nothing more is sent.`;
  // A client has said so, and may have reported no attempt.
  if (call.settledBy === "replay" && !isAcceptedStatus(call.statusCode))
    return `It was marked SUCCESS${byUser(call)}, as accepted in a replay; nothing more is sent.`;
  if (call.settledBy === "replay") return `${callback.name} accepted it in a replay (200); nothing more is sent.`;
  return `${callback.name} accepted it (200); nothing more is sent.`;
}
