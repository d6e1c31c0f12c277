import type { Client, ListedAttempt } from "../../../client/client.js";
import { senderAddress } from "../../../domain/call.js";
import { formatDuration } from "../../../domain/duration.js";
import { isWhcbError, WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../invocation.js";
import { callJson, dateOrNull, statusPaint } from "../../output/call-columns.js";
import { type Column, renderFields } from "../../output/cells.js";
import { commandLine } from "../../output/questions.js";
import { safeJson, sanitize } from "../../output/sanitize.js";
import type { RenderOptions } from "../../output/screen.js";
import { renderTable } from "../../output/table.js";
import { formatInstant, isoInstant } from "../../output/times.js";
import { findCallback, withSession } from "../../settings/session.js";
import { type CallFacts, explainCall } from "./explain-call.js";

interface CallDetails extends CallFacts {
  /** Null: not returned. */
  readonly attempts: readonly ListedAttempt[] | null;
}

export function run(invocation: Invocation): Promise<number> {
  const { args, screen } = invocation;
  return withSession(invocation, async ({ client }) => {
    const details = await readDetails(client, args.operand(0), args.operand(1));
    await screen.out(
      screen.format === "json"
        ? `${safeJson(detailsJson(details, screen.renderOptions.now), 2)}\n`
        : renderDetails(details, screen.renderOptions),
    );
    return 0;
  });
}

async function readDetails(client: Client, callbackName: string, callId: string): Promise<CallDetails> {
  const callback = await findCallback(client, callbackName);
  try {
    const call = await client.getCall(callback.id, callId);
    const [attempts, outages] = await Promise.all([client.listAttempts(callback.id, callId), client.listOutages(callback.id)]);
    return { call, callback, attempts, outage: outages?.find(({ endedAt }) => endedAt === null) ?? null };
  } catch (error) {
    if (!isWhcbError(error, "not-found")) throw error;
    throw new WhcbError("not-found", `no call ${callId} in ${callback.name}`, {
      hint: `\`${commandLine(["calls", "list", callback.name, "--all"])}\` lists them`,
      cause: error,
    });
  }
}

export function renderDetails(details: CallDetails, options: RenderOptions): string {
  const { call, callback, attempts } = details;
  const { responseMessage, from, messageId, customParameters } = call.response;
  const code = call.statusCode === null ? "no answer" : String(call.statusCode);
  const fields = renderFields(
    [
      ["Call", call.id],
      ["Callback", `${callback.name} (${callback.id})`],
      ["Endpoint", callback.url],
      ["Status", call.status, statusPaint(call.status, options.palette)],
      [
        "Last attempt",
        call.attemptedAt === null
          ? null
          : `${formatInstant(call.attemptedAt, options.utc)}, ${code}: ${call.statusMessage ?? ""}`,
      ],
      ["Message", messageId],
      ["Response", `${responseMessage.kind} by ${responseMessage.channel}, ${responseMessage.date}`],
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
  const why = `${explainCall(details, options).map(sanitize).join("\n")}\n`;
  return `${fields}\n${why}${renderAttempts(attempts, options)}`;
}

function renderAttempts(attempts: CallDetails["attempts"], options: RenderOptions): string {
  if (attempts === null) return "\nThis service doesn't return the attempts.\n";
  return attempts.length === 0 ? "" : `\n${renderTable(attempts, ATTEMPT_COLUMNS, options)}`;
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
    paint: ({ statusCode }, palette) => (statusCode === 200 ? palette.good : palette.bad),
  },
  { key: "reason", title: "REASON", value: reasonOf, least: 8 },
  { key: "answer", title: "ANSWER", value: ({ body }) => body?.trim() ?? null, least: 8, dropRank: 4 },
];

function reasonOf({ statusMessage, error, isResent }: ListedAttempt): string | null {
  const reason = statusMessage || error;
  return isResent ? `${reason ?? ""} (resent on a fresh connection)`.trim() : reason;
}

/** A documented contract: a call of `calls list`, `why`, `outage` and `attempts`. Null: not returned. */
function detailsJson(details: CallDetails, now: number): unknown {
  const { call, callback, outage, attempts } = details;
  return {
    ...callJson({ call, callbackName: callback.name }),
    why: explainCall(details, { utc: true, now }),
    outage:
      outage === null
        ? null
        : {
            id: outage.id,
            startedAt: isoInstant(outage.startedAt),
            failedCalls: outage.failedCalls,
            notifiedAt: dateOrNull(outage.notifiedAt),
            notifiedBy: outage.notifiedBy,
          },
    attempts:
      attempts?.map((attempt) => ({
        number: attempt.number,
        attemptedDate: isoInstant(attempt.attemptedAt),
        durationMs: attempt.durationMs,
        cause: attempt.cause,
        sentFrom: attempt.sentFrom,
        statusCode: attempt.statusCode,
        statusMessage: attempt.statusMessage,
        error: attempt.error,
        body: attempt.body,
        resent: attempt.isResent,
      })) ?? null,
  };
}
