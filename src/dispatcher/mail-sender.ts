/** A mail server that is down delays only the e-mail. */
import type { Mail } from "../domain/outage.js";
import type { Notifier } from "../notifier/notifier.js";
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import { settleAll } from "../platform/teardown.js";
import type { MailStore } from "../store/store.js";
import { RunLoop } from "./run-loop.js";

export interface MailSenderDeps {
  readonly store: MailStore;
  readonly notifier: Notifier;
  readonly clock: Clock;
  readonly logger: Logger;
}

const BATCH = 20;
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 5 * 60_000;
const POLL_MS = 5_000;
/** Longer than a mail server may take; another node tries again after this one died. */
const CLAIM_MS = 2 * 60_000;

export class MailSender {
  readonly #deps: MailSenderDeps;
  readonly #loop: RunLoop;
  /** Not yet recorded; not sent again. When each was sent. */
  readonly #sent = new Map<Mail, number>();
  #isStopping = false;

  constructor(deps: MailSenderDeps) {
    this.#deps = deps;
    this.#loop = new RunLoop(() => this.tick(), {
      clock: deps.clock,
      pollMs: POLL_MS,
      onError: (error) => deps.logger.error({ err: error }, "The mail outbox can't be read or written; trying again"),
    });
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  /** Resolves when nothing is in flight; the rest stays queued. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return this.#loop.stop();
  }

  /** Resolves with when the next is due; null: none is queued. */
  async tick(): Promise<number | null> {
    for (const [mail, at] of this.#sent) await this.#recordSent(mail, at);
    for (let mails = await this.#claimDue(); mails.length > 0; mails = await this.#claimDue()) {
      // The next step must not repeat one in flight.
      await settleAll(...mails.map((mail) => this.#send(mail)));
      if (this.#isStopping) return null;
    }
    return this.#deps.store.nextMailAt();
  }

  async #claimDue(): Promise<readonly Mail[]> {
    const { store, clock } = this.#deps;
    const dueBefore = await this.#dueBefore();
    const mails = await store.fetchQueuedMails(dueBefore, BATCH);
    if (mails.length === 0) return [];
    const ids = mails.map(({ outageId }) => outageId);
    const claimed = await store.claimMails(ids, dueBefore, clock.now() + CLAIM_MS);
    return mails.filter(({ outageId }) => claimed.has(outageId));
  }

  /** Later if a clock set back has put off the next e-mail too long. */
  async #dueBefore(): Promise<number> {
    const now = this.#deps.clock.now();
    const next = await this.#deps.store.nextMailAt();
    return next !== null && next > now + LONGEST_WAIT_MS ? next : now;
  }

  async #send(mail: Mail): Promise<void> {
    const { store, notifier, clock, logger } = this.#deps;
    const { outageId } = mail;
    try {
      await notifier.send(mail);
    } catch (error) {
      const nextTryAt = clock.now() + Math.min(FIRST_WAIT_MS * 2 ** mail.tries, LONGEST_WAIT_MS);
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn({ outageId, reason, nextTryAt }, "A mail could not be sent; it will be tried again");
      await store.recordMailFailed(outageId, reason, nextTryAt);
      return;
    }
    await this.#recordSent(mail, clock.now());
  }

  async #recordSent(mail: Mail, at: number): Promise<void> {
    const { store, notifier, logger } = this.#deps;
    const { outageId, callbackId } = mail;
    this.#sent.set(mail, at);
    await store.recordMailSent(outageId, at, notifier.channel);
    this.#sent.delete(mail);
    logger.info({ outageId, callbackId }, "The mail of an outage was sent");
  }
}
