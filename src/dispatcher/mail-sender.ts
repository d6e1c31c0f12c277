/** Carries owed mails out. A mail server that is down delays the mail and nothing else. */
import type { Mail } from "../domain/mail.js";
import type { Notifier } from "../notifier/notifier.js";
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
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

export class MailSender {
  readonly #deps: MailSenderDeps;
  readonly #loop: RunLoop;

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

  /** A mail is owed. */
  wake(): void {
    this.#loop.wake();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Tries every mail whose turn has come, once. Resolves with when the next turn comes; null: no mail is owed. */
  async tick(): Promise<number | null> {
    const { store, clock } = this.#deps;
    for (let mails = await store.fetchOwedMails(clock.now(), BATCH); mails.length > 0; ) {
      await Promise.all(mails.map((mail) => this.#send(mail)));
      mails = await store.fetchOwedMails(clock.now(), BATCH);
    }
    return store.nextMailAt();
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
    await store.recordMailSent(outageId, clock.now());
    logger.info({ outageId, callbackId: mail.callbackId }, "The mail of an outage was sent");
  }
}
