import type { Mail } from "../domain/mail.js";

/** Carries an owed mail out: by SMTP, or as an .eml file. */
export interface Notifier {
  /** Resolves once the mail is handed over for good; sending the same outage's mail again replaces it or is recognisable by its Message-ID. Rejects with `unavailable`, the reason in the message. */
  send(mail: Mail): Promise<void>;
  close(): Promise<void>;
}
