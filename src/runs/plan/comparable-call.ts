/** The parts by which a line and a call are compared (docs/cli.md, Reconcile). */
import type { ListedCall } from "../../client/client.js";
import { type CallStatus, idKey, isErased } from "../../domain/call.js";
import { type ResponseKind, senderAddress } from "../../domain/message-response.js";
import { readDate } from "../../wire/dates.js";
import { removeHtml } from "../../wire/remove-html.js";
import { contentKey, type SeenLine } from "./seen-list.js";

/** E.164, with an extension; null if it can't be parsed. */
export type ParsePhone = (number: string) => string | null;

export interface CompareOptions {
  readonly parsePhone: ParsePhone;
  /** IANA zone of dates without one. */
  readonly timezone: string;
}

export interface ComparableCall {
  readonly id: string;
  readonly status: CallStatus;
  /** The key of the id (`idKey`). */
  readonly messageId: string;
  readonly kind: ResponseKind;
  readonly minute: number | null;
  /** These are the content as listed, and as delivered without markup. null: erased. */
  readonly contents: readonly string[] | null;
  readonly senders: Senders;
  /** Sender as listed, by name if it has no address. */
  readonly from: string;
  /** null: the sender has an address, which may not be comparable. */
  readonly nameAlone: string | null;
}

/** Addresses are comparable, by kind. */
export type Senders = Readonly<Record<SenderKind, string | null>>;
export type SenderKind = "mobile" | "voice" | "email" | "mri";
export const SENDER_KINDS = ["mobile", "voice", "email", "mri"] as const;

export function comparableCall(call: ListedCall, { parsePhone, timezone }: CompareOptions): ComparableCall {
  const { messageId, from, responseMessage } = call.response;
  const at = readDate(responseMessage.date, timezone);
  const contents = [contentKey(responseMessage.content), contentKey(removeHtml(responseMessage.content))];
  return {
    id: call.id,
    status: call.status,
    messageId: idKey(messageId),
    kind: responseMessage.kind,
    minute: at === null ? null : Math.floor(at / 60_000),
    contents: isErased(call) ? null : [...new Set(contents)],
    senders: sendersOf(from, parsePhone),
    from: senderAddress(from),
    nameAlone: senderAddress({ ...from, name: "" }) === "" ? from.name : null,
  };
}

export interface WantedCall {
  readonly line: SeenLine;
  readonly senders: LineSenders;
}

/** `any`: one of these, for a column that says only "from". */
interface LineSenders extends Senders {
  readonly any: Senders | null;
}

export function lineSenders(line: SeenLine, parsePhone: ParsePhone): LineSenders {
  const { mobile, voice, email, mri, from } = line;
  const senders = sendersOf({ mobile: mobile ?? "", voice: voice ?? "", email: email ?? "", mri: mri ?? "" }, parsePhone);
  if (from === null) return { ...senders, any: null };
  const any = from.includes("@")
    ? sendersOf({ mobile: "", voice: "", email: from, mri: from }, parsePhone)
    : sendersOf({ mobile: from, voice: from, email: "", mri: "" }, parsePhone);
  return { ...senders, any: any.mobile === null && any.email === null ? null : any };
}

function sendersOf(from: Readonly<Record<SenderKind, string>>, parsePhone: ParsePhone): Senders {
  const [mobile, voice] = [from.mobile, from.voice].map((number) => (number.trim() === "" ? null : parsePhone(number.trim())));
  return { mobile: mobile ?? null, voice: voice ?? null, email: textKey(from.email), mri: textKey(from.mri) };
}

function textKey(text: string): string | null {
  return text.trim().toLowerCase() || null;
}

export function hasSender(senders: Senders): boolean {
  return SENDER_KINDS.some((kind) => senders[kind] !== null);
}
