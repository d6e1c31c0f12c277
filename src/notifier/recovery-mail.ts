/** An outage's end is reported by e-mail with serve --notify-recovery. */
import { count } from "../domain/count.js";
import { formatDuration } from "../domain/duration.js";
import type { HowEnded, OutageEnd, OutageReport, OutageUrl } from "../domain/outage.js";
import type { NoticeTarget } from "./notice-target.js";
import { formatUtc, labelledLine, toLine } from "./notice-text.js";
import type { Notifier } from "./notifier.js";
import { commandLines, MAX_NAME, type OutageMail, pageLines } from "./outage-mail.js";

/** `DESTINATION` can't be the key of a URL, which has 16 digits. */
const DESTINATION = "e-mail";
const MAILS_AT_ONCE = 20;

export function createRecoveryMails(notifier: Notifier, outageUrl: OutageUrl): NoticeTarget {
  return {
    destination: DESTINATION,
    place: DESTINATION,
    events: ["ended"],
    atOnce: MAILS_AT_ONCE,
    async send(report) {
      if (report.event === "expired") return null;
      const { outageId, callback, end, asOf } = report;
      if (end === null || end.how === "deleted") return null;
      const mail = {
        outageId: `${outageId}-ended`,
        callbackId: callback.id,
        to: callback.email,
        tries: 0,
        createdAt: asOf,
        inReplyTo: outageId,
      };
      await notifier.send({ ...mail, ...composeRecoveryMail(report, end, outageUrl(callback.id, outageId)) });
      return null;
    },
  };
}

export function composeRecoveryMail(
  { callback, startedAt, failedCalls, asOf }: OutageReport,
  end: OutageEnd,
  pageUrl: string | null,
): OutageMail {
  const { delivered, marked, stillFailed, isComplete } = end.calls;
  const name = toLine(callback.name, MAX_NAME);
  // An outage ends some minutes after the first response that is accepted.
  const since = end.acceptingSince ?? null;
  const lasted = formatDuration((since ?? end.endedAt) - startedAt);
  const atLeast = isComplete ? "" : "at least ";
  const text = [
    `The outage of callback "${name}" has ended.`,
    ...ENDINGS[end.how].lines,
    "",
    labelledLine("Began", formatUtc(startedAt)),
    ...(since === null ? [] : [labelledLine("Accepted", `${formatUtc(since)}, after ${lasted}`)]),
    labelledLine("Ended", `${formatUtc(end.endedAt)}${since === null ? `, after ${lasted}` : ""}`),
    labelledLine("Callback", `${name} (id ${callback.id})`),
    ...pageLines(pageUrl),
    labelledLine("Failed", count(failedCalls, "call")),
    labelledLine("Delivered", `${atLeast}${delivered} of them`),
    labelledLine("Marked", `${atLeast}${marked} of them by hand`),
    labelledLine("Left", `${atLeast}${stillFailed} of them FAILED as of ${formatUtc(asOf)}`),
    ...(stillFailed === 0 ? [] : ["", "List what still fails, and replay it:", "", ...commandLines(callback)]),
    "",
  ].join("\n");
  return { subject: `[whcb] ${name} ${ENDINGS[end.how].subject} (${lasted})`, text };
}

const ENDINGS = {
  recovered: { subject: "has recovered", lines: ["Its endpoint has accepted a response, and no new one has failed since."] },
  marked: {
    subject: "has no failed calls left: marked by hand",
    lines: ["Its calls were marked by hand. No response has been accepted since, so", "the endpoint may still be failing."],
  },
  unrecovered: {
    subject: "has not recovered: the outage is closed",
    lines: [
      "No response has been accepted since the last one failed. The outage was",
      "open for too long; the next failure opens another one.",
    ],
  },
} satisfies Record<HowEnded, { readonly subject: string; readonly lines: readonly string[] }>;
