import { REASON_WORDS } from "../domain/attempt.js";
import { count } from "../domain/count.js";
import { formatDuration } from "../domain/duration.js";
import type { ExpiryReport, HowEnded, OutageReport } from "../domain/outage.js";
import { toIsoDate } from "../wire/dates.js";
import { formatUtc, toLine } from "./notice-text.js";
import { commandLines, MAX_NAME } from "./outage-mail.js";

/** The members of a notice are a contract. Nothing of a message is in it. */
export function noticeDocument(report: OutageReport | ExpiryReport, pageUrl: string | null) {
  return report.event === "expired" ? expiryDocument(report, pageUrl) : outageDocument(report, pageUrl);
}

function expiryDocument({ callback, expiredCalls, oldest, asOf }: ExpiryReport, pageUrl: string | null) {
  return {
    type: "calls.expired",
    timestamp: toIsoDate(asOf),
    data: {
      callbackId: callback.id,
      callbackName: callback.name,
      expiredCalls,
      oldestCallId: oldest.callId,
      oldestFailedAt: toIsoDate(oldest.firstFailedAt),
      asOf: toIsoDate(asOf),
      commands: commandsOf(callback),
      ...(pageUrl !== null && { consoleUrl: pageUrl }),
    },
  };
}

function commandsOf(callback: ExpiryReport["callback"]): string[] {
  return commandLines(callback).map((line) => line.trim());
}

function outageDocument(
  { event, outageId, callback, startedAt, failedCalls, failure, url, end, asOf }: OutageReport,
  pageUrl: string | null,
) {
  return {
    type: `outage.${event}`,
    timestamp: toIsoDate(end?.endedAt ?? startedAt),
    data: {
      outageId,
      callbackId: callback.id,
      callbackName: callback.name,
      ...(url !== undefined && { callbackUrl: url }),
      startedAt: toIsoDate(startedAt),
      failedCalls,
      ...(failure?.statusCode != null && { statusCode: failure.statusCode }),
      ...(failure?.reason != null && { error: failure.reason }),
      ...(end !== null && {
        endedAt: toIsoDate(end.endedAt),
        durationMs: end.endedAt - startedAt,
        end: end.how,
      }),
      ...(end !== null &&
        end.how !== "deleted" && {
          deliveredCalls: end.calls.delivered,
          markedCalls: end.calls.marked,
          stillFailedCalls: end.calls.stillFailed,
          isComplete: end.calls.isComplete,
        }),
      asOf: toIsoDate(asOf),
      ...(pageUrl !== null && end?.how !== "deleted" && { consoleUrl: pageUrl }),
    },
  };
}

const MAX_URL = 400;

export function slackText(report: OutageReport | ExpiryReport, pageUrl: string | null): string {
  const text = report.event === "expired" ? expirySentence(report) : sentenceOf(report);
  const hasPage = report.event === "expired" || report.end?.how !== "deleted";
  return pageUrl === null || !hasPage ? text : `${text}\n${pageUrl}`;
}

function expirySentence({ callback, expiredCalls, oldest }: ExpiryReport): string {
  const [are, them] = expiredCalls === 1 ? ["isn't", "it"] : ["aren't", "they"];
  return (
    `Callback ${nameOf(callback)}: ${count(expiredCalls, "failed call")} ${are} retried any more, as the time for that is over ` +
    `(first failure at ${formatUtc(oldest.firstFailedAt)}). Once the endpoint accepts calls, ${them} can be replayed:\n` +
    escapeSlack(commandsOf(callback).join("\n"))
  );
}

function nameOf(callback: ExpiryReport["callback"]): string {
  return `"${escapeSlack(toLine(callback.name, MAX_NAME))}" (${callback.id})`;
}

function sentenceOf({ callback, startedAt, failedCalls, failure, url, end }: OutageReport): string {
  const name = nameOf(callback);
  const since = formatUtc(startedAt);
  if (end === null) {
    const why =
      failure?.reason != null ? REASON_WORDS[failure.reason] : failure?.statusCode != null ? `HTTP ${failure.statusCode}` : "";
    const calls = `${count(failedCalls, "call")} so far`;
    const where = url === undefined ? "" : `\n${escapeSlack(toLine(url, MAX_URL))}`;
    return `Callback ${name} is failing since ${since}: ${[why, calls].filter(Boolean).join(", ")}.${where}`;
  }
  const lasted = `The outage began at ${since} and lasted ${formatDuration(end.endedAt - startedAt)}`;
  if (end.how === "deleted") return `Callback ${name} was deleted. ${lasted}: ${count(failedCalls, "call")} failed.`;
  const { delivered, marked, stillFailed, isComplete } = end.calls;
  const atLeast = isComplete ? "" : "at least ";
  const byHand = marked === 0 ? "" : `, ${atLeast}${marked} marked by hand`;
  return (
    `Callback ${name} ${ENDINGS[end.how]}. ${lasted}: ` +
    `${count(failedCalls, "call")} failed, ${atLeast}${delivered} delivered since${byHand}, ${atLeast}${stillFailed} still failed.`
  );
}

const ENDINGS = {
  recovered: "has recovered",
  marked: "has no failed calls left, since they were marked by hand; nothing has been accepted yet",
  unrecovered: "has not recovered, and its outage is closed; the next failure opens another one",
} satisfies Record<HowEnded, string>;

/** Otherwise a name could mention everybody in a channel. */
function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
