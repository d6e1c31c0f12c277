/** A mail as nodemailer takes it: addresses and names as data, never as header text. */
import { WhcbError } from "../domain/errors.js";
import type { Mail } from "../domain/mail.js";

export const DEFAULT_SENDER = "whcb@localhost";

/** The fields of a message. Throws `unavailable` where the recipient is no single address: it could name others besides. */
export function messageOf(mail: Mail, from: string) {
  return {
    from: { name: "whcb", address: from },
    to: { name: "", address: checkedAddress(mail.to) },
    subject: mail.subject,
    text: mail.text,
    date: new Date(mail.createdAt),
    messageId: messageIdOf(mail.outageId, from),
    headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
    // What is plain ASCII stays readable as it is; the rest mustn't become base64 altogether.
    ...(isAscii(mail.text) ? {} : { textEncoding: "quoted-printable" as const }),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function isAscii(text: string): boolean {
  return /^[\t\n\r\u0020-\u007e]*$/.test(text);
}

/** The same for each sending of an outage's mail, so that a repeat is recognised. */
export function messageIdOf(outageId: string, from: string): string {
  return `<outage.${checkedId(outageId)}@${from.slice(from.lastIndexOf("@") + 1)}>`;
}

/** An outage's id where it becomes part of a header or of a file's name. */
export function checkedId(outageId: string): string {
  if (!/^[\w-]{1,64}$/.test(outageId)) throw new WhcbError("unavailable", "The outage's id can't stand in a mail.");
  return outageId;
}

/** One plain address: no name, list, comment, quote, space or control character. */
export function checkedAddress(address: string): string {
  // As strict as the registration is (wire), and here all the same: what stands in a database may have come another way.
  if (!/^[^\s@<>(),;:"\\\p{Cc}]+@[^\s@<>(),;:"\\\p{Cc}]+$/u.test(address)) {
    throw new WhcbError("unavailable", "The callback's email is no single e-mail address, so its mail can't be sent.");
  }
  return address;
}
