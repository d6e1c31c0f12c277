/** Sends the mail of an outage; and that mail as nodemailer takes it: addresses and names as data, never as header text. */
import { WhcbError } from "../domain/errors.js";
import type { Mail } from "../domain/mail.js";
import type { NoticeChannel } from "../domain/outage.js";

export interface Notifier {
  readonly channel: NoticeChannel;
  /**
   * Resolves once the mail is safely handed over. The same mail sent again replaces the first, or has the same Message-ID.
   * Throws `unavailable`, the reason in the message.
   */
  send(mail: Mail): Promise<void>;
  close(): Promise<void>;
}

export const DEFAULT_SENDER = "whcb@localhost";

/** The message's fields. Throws `unavailable` unless the recipient is exactly one address. */
export function mailMessage(mail: Mail, from: string) {
  return {
    from: { name: "whcb", address: from },
    to: { name: "", address: checkAddress(mail.to) },
    subject: mail.subject,
    text: mail.text,
    date: new Date(mail.createdAt),
    messageId: messageId(mail.outageId, from),
    headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
    // Otherwise a few characters that aren't ASCII would turn the whole text into base64.
    ...(isAscii(mail.text) ? {} : { textEncoding: "quoted-printable" as const }),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function isAscii(text: string): boolean {
  return /^[\t\n\r\u0020-\u007e]*$/.test(text);
}

/** The same whenever an outage's mail is sent, so that a repeat can be recognised. */
export function messageId(outageId: string, from: string): string {
  return `<outage.${checkOutageId(outageId)}@${from.slice(from.lastIndexOf("@") + 1)}>`;
}

/** An outage's id that is safe in a header and in a file name. */
export function checkOutageId(outageId: string): string {
  if (!/^[\w-]{1,64}$/.test(outageId)) {
    throw new WhcbError("unavailable", "The outage's id contains characters that a mail can't carry.");
  }
  return outageId;
}

/** One plain address: no name, list, comment, quote, space or control character. */
export function checkAddress(address: string): string {
  // The registration checks the same, but an address in the database may be older than that check.
  if (!/^[^\s@<>(),;:"\\\p{Cc}]+@[^\s@<>(),;:"\\\p{Cc}]+$/u.test(address)) {
    throw new WhcbError("unavailable", "The callback's email isn't a single e-mail address, so the mail can't be sent.");
  }
  return address;
}
