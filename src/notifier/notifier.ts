/** Addresses and names are data, never header text. */
import { isEmailAddress } from "../domain/callback.js";
import { WhcbError } from "../domain/errors.js";
import type { NewMail, NoticeChannel } from "../domain/outage.js";

export interface Notifier {
  readonly channel: NoticeChannel;
  /**
   * Resolves once the e-mail is handed over, to the mail server's answer or the file's path. A repeat replaces the first, or has the same
   * Message-ID. Throws `unavailable`.
   */
  send(mail: NewMail): Promise<string>;
  close(): Promise<void>;
}

export const DEFAULT_SENDER = "whcb@localhost";

/** Throws `unavailable` unless the recipient is exactly one address. */
export function mailMessage(mail: NewMail, from: string) {
  return {
    from: { name: "whcb", address: from },
    to: { name: "", address: checkAddress(mail.to) },
    subject: mail.subject,
    text: mail.text,
    date: new Date(mail.createdAt),
    messageId: messageId(mail.outageId, from),
    ...(mail.inReplyTo !== undefined && {
      inReplyTo: messageId(mail.inReplyTo, from),
      references: messageId(mail.inReplyTo, from),
    }),
    headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
    // Otherwise the whole text becomes base64.
    ...(isAscii(mail.text) ? {} : { textEncoding: "quoted-printable" as const }),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function isAscii(text: string): boolean {
  return /^[\t\n\r\u0020-\u007e]*$/.test(text);
}

/** A repeat has the same id. */
export function messageId(outageId: string, from: string): string {
  return `<outage.${checkOutageId(outageId)}@${from.slice(from.lastIndexOf("@") + 1)}>`;
}

/** Returns an id that is safe in a header and a file name, or throws `unavailable`. */
export function checkOutageId(outageId: string): string {
  if (!/^[\w-]{1,64}$/.test(outageId)) {
    throw new WhcbError("unavailable", "The outage's id contains characters that a mail can't carry.");
  }
  return outageId;
}

export function checkAddress(address: string): string {
  // A stored address may be older than the registration's check.
  if (!isEmailAddress(address)) {
    throw new WhcbError("unavailable", "The callback's email isn't a single e-mail address, so the mail can't be sent.");
  }
  return address;
}
