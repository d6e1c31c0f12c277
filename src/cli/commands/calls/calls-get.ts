import type { Client, ListedAttempt } from "../../../client/client.js";
import { isWhcbError, WhcbError } from "../../../domain/errors.js";
import type { Invocation } from "../../invocation.js";
import { callJson, dateOrNull } from "../../output/call-columns.js";
import { safeJson } from "../../output/sanitize.js";
import { renderTable } from "../../output/table.js";
import { isoInstant } from "../../output/times.js";
import { findCallback, type Session, withSession } from "../../settings/session.js";
import { ATTEMPT_COLUMNS, renderCallHead } from "./call-details.js";
import { type CallFacts, explainCall } from "./explain-call.js";

export function run(invocation: Invocation): Promise<number> {
  return withSession(invocation, (session) => getCall(invocation, session));
}

async function getCall({ args, screen }: Invocation, { client }: Session): Promise<number> {
  const { facts, attempts } = await readCall(client, args.operand(0), args.operand(1));
  if (screen.format === "json") {
    await screen.out(
      `${safeJson(detailsJson(facts, attempts, explainCall(facts, { utc: true, now: screen.renderOptions.now })), 2)}\n`,
    );
    return 0;
  }
  const table =
    attempts === null || attempts.length === 0 ? "" : `\n${renderTable(attempts, ATTEMPT_COLUMNS, screen.renderOptions)}`;
  const untold = attempts === null ? "\nThis service doesn't tell the attempts one by one.\n" : "";
  await screen.out(`${renderCallHead(facts, screen.renderOptions)}${table}${untold}`);
  return 0;
}

async function readCall(client: Client, callbackName: string, callId: string) {
  const callback = await findCallback(client, callbackName);
  try {
    const call = await client.getCall(callback.id, callId);
    const [attempts, outages] = await Promise.all([client.listAttempts(callback.id, callId), client.listOutages(callback.id)]);
    const outage = outages?.find(({ endedAt }) => endedAt === null) ?? null;
    return { facts: { call, callback, outage } satisfies CallFacts, attempts };
  } catch (error) {
    if (!isWhcbError(error, "not-found")) throw error;
    throw new WhcbError("not-found", `no call ${callId} in ${callback.name}`, {
      hint: `\`whcb calls list ${callback.name} --all\` shows them`,
      cause: error,
    });
  }
}

/** The JSON contract of `calls get`: a call as `calls list` has it, and `why`, `outage`, `attempts` (null where the service doesn't tell). */
function detailsJson(facts: CallFacts, attempts: readonly ListedAttempt[] | null, why: readonly string[]): unknown {
  const { outage } = facts;
  return {
    ...callJson({ call: facts.call, callbackName: facts.callback.name }),
    why,
    outage:
      outage === null
        ? null
        : {
            id: outage.id,
            startedAt: isoInstant(outage.startedAt),
            failedCalls: outage.failedCalls,
            notifiedAt: dateOrNull(outage.notifiedAt),
          },
    attempts:
      attempts?.map((attempt) => ({
        number: attempt.number,
        attemptedDate: isoInstant(attempt.attemptedAt),
        durationMs: attempt.durationMs,
        cause: attempt.cause,
        statusCode: attempt.statusCode,
        statusMessage: attempt.statusMessage,
        error: attempt.error,
        body: attempt.body,
      })) ?? null,
  };
}
