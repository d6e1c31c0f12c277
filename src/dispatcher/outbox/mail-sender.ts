import { HOUR_MS, MINUTE_MS } from "../../domain/duration.js";
import { errorMessage } from "../../domain/errors.js";
import type { Mail } from "../../domain/outage.js";
import type { Notifier } from "../../notifier/notifier.js";
import { withEnd, withRejectedShare } from "../../notifier/outage-mail.js";
import type { Clock } from "../../platform/clock.js";
import type { Logger } from "../../platform/logger.js";
import type { Store } from "../../store/open-store.js";
import { OutboxSender } from "./outbox-sender.js";

export interface MailSenderDeps {
  readonly store: Pick<Store, "mails" | "activity" | "outages">;
  readonly notifier: Notifier;
  readonly clock: Clock;
  readonly logger: Logger;
}

const MAILS_AT_ONCE = 20;

export function createMailSender({ store, notifier, clock, logger }: MailSenderDeps): OutboxSender<Mail> {
  const { mails } = store;
  return new OutboxSender<Mail>(
    {
      atOnce: MAILS_AT_ONCE,
      // A failure may be due to one recipient, so the others needn't wait.
      waitsTogether: false,
      nextTryAt: () => mails.nextTryAt(),
      async claimDue(dueBefore, limit, until) {
        const queued = await mails.fetchQueued(dueBefore, limit);
        if (queued.length === 0) return [];
        const ids = queued.map(({ outageId }) => outageId);
        const claimed = await mails.claim(ids, dueBefore, until);
        return queued.filter(({ outageId }) => claimed.has(outageId));
      },
      async send(mail) {
        try {
          const current = await currentText(store, mail, clock.now());
          if (current !== mail) await mails.saveText(current);
          await notifier.send(current);
          return null;
        } catch (error) {
          return { reason: errorMessage(error), retryAfterMs: null };
        }
      },
      async recordSent({ outageId, callbackId }, at) {
        await mails.recordSent(outageId, at, notifier.channel);
        logger.info({ outageId, callbackId }, "The mail of an outage was sent");
      },
      async recordFailed({ outageId }, reason, nextTryAt) {
        logger.warn({ outageId, reason, nextTryAt }, "A mail could not be sent; it will be tried again");
        await mails.recordFailed(outageId, reason, nextTryAt);
      },
      onError: (error) => logger.error({ err: error }, "The mail outbox can't be read or written; trying again"),
    },
    clock,
  );
}

async function currentText(store: MailSenderDeps["store"], mail: Mail, now: number): Promise<Mail> {
  const outage = await store.outages.find(mail.callbackId, mail.outageId);
  if (outage !== null && outage.endedAt !== null) return withEnd(mail, outage.endedAt);
  return withRejectedShare(mail, await countAttempts(store, mail, now));
}

/** Counts those from an hour before the outage on. */
async function countAttempts({ activity }: Pick<Store, "activity">, { callbackId, createdAt }: Mail, now: number) {
  const since = Math.floor((createdAt - HOUR_MS) / MINUTE_MS) * MINUTE_MS;
  const { points } = await activity.list(callbackId, { since, until: now + 1, maxPoints: 2 });
  const sumOf = (count: "accepted" | "failed") => points.reduce((sum, { scheduled }) => sum + scheduled[count], 0);
  return { accepted: sumOf("accepted"), failed: sumOf("failed"), since };
}
