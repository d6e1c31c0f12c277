import { errorMessage } from "../../domain/errors.js";
import { shownUrl } from "../../domain/mask.js";
import { howOutageEnded, type Notice, type OutageNotice, type OutageReport } from "../../domain/outage.js";
import type { NoticeTarget } from "../../notifier/notice-target.js";
import type { Clock } from "../../platform/clock.js";
import type { Logger } from "../../platform/logger.js";
import type { Store } from "../../store/open-store.js";
import { OutboxSender } from "./outbox-sender.js";

export interface NoticeSenderDeps {
  readonly store: Store;
  readonly target: NoticeTarget;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createNoticeSender({ store, target, clock, logger }: NoticeSenderDeps): OutboxSender<Notice> {
  const { destination, place } = target;
  return new OutboxSender<Notice>(
    {
      atOnce: target.atOnce,
      waitsTogether: target.atOnce === 1,
      nextTryAt: () => store.notices.nextTryAt(destination, clock.now()),
      async claimDue(dueBefore, limit, until) {
        return store.notices.claim(await store.notices.fetch(destination, dueBefore, limit), dueBefore, until);
      },
      async send(notice) {
        const report = notice.event === "expired" ? notice.report : await reportOf(store, notice, clock.now());
        try {
          return await target.send(report);
        } catch (error) {
          return { reason: errorMessage(error), retryAfterMs: null };
        }
      },
      async recordSent(notice, at) {
        await store.notices.recordSent(notice, at);
        logger.info({ ...logFieldsOf(notice), place }, "A notice was sent");
      },
      async recordFailed(notice, reason, nextTryAt) {
        logger.warn({ ...logFieldsOf(notice), place, reason, nextTryAt }, "A notice could not be sent; it will be tried again");
        await store.notices.recordFailed(notice, reason, nextTryAt);
      },
      onError: (error) => logger.error({ err: error }, "The notices can't be read or written; trying again"),
    },
    clock,
  );
}

function logFieldsOf(notice: Notice) {
  const { event, callback } = notice;
  return { ...(notice.event !== "expired" && { outageId: notice.outage.id }), callbackId: callback.id, event };
}

async function reportOf(store: Store, notice: OutageNotice, now: number): Promise<OutageReport> {
  if (notice.report !== null) return notice.report;
  const report = await makeReport(store, notice, now);
  await store.notices.saveReport(notice, report);
  return report;
}

async function makeReport({ outages, callbacks }: Store, notice: OutageNotice, asOf: number): Promise<OutageReport> {
  const { event, outage, callback } = notice;
  const { id: outageId, startedAt, endedAt, failedCalls } = outage;
  const { failures, retried, replayed, marked, failed, uncounted } = await outages.readCalls(outageId);
  const [failure] = failures;
  const current = await callbacks.find(callback.id);
  const report = {
    ...{ event, outageId, callback, startedAt, failedCalls, asOf },
    ...(failure !== undefined && { failure: { statusCode: failure.statusCode, reason: failure.reason } }),
    ...(current !== null && { url: shownUrl(current) }),
  };
  if (event === "began" || endedAt === null) return { ...report, end: null };
  if (notice.isDeleted) return { ...report, end: { endedAt, how: "deleted" } };
  // Whether there is any is known of what isn't counted, too.
  const [rest] = uncounted === 0 ? [] : await outages.readProgress([{ callbackId: callback.id, since: startedAt }]);
  const calls = {
    delivered: Math.max(retried + replayed, rest?.hasDelivered ? 1 : 0),
    marked,
    stillFailed: Math.max(failed, rest?.hasFailed ? 1 : 0),
    isComplete: uncounted === 0,
  };
  return { ...report, end: { endedAt, acceptingSince: outage.quietSince, how: howOutageEnded(outage, calls), calls } };
}
