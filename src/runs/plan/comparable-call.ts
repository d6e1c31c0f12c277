/** The parts by which a line and a call are compared (docs/cli.md, Reconcile). */
import type { ListedCall } from "../../client/client.js";
import { type CallStatus, idKey, isErased } from "../../domain/call.js";
import { type ResponseKind, senderAddress } from "../../domain/message-response.js";
import { readDate } from "../../wire/dates.js";
import { responseToJson } from "../../wire/json/response-json.js";
import { removeHtml } from "../../wire/remove-html.js";
import { contentKey, plainText, readBody, type SeenLine } from "./seen-list.js";

/** As a callback receives them by default. */
const BODY_NAMES = { messageId: "messageid", messageLocation: "messagelocation" };

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
  const { kind, date, content, name, ...addresses } = readBody(responseToJson(call.response, BODY_NAMES));
  const at = readDate(date ?? "", timezone);
  const contents = [contentKey(content ?? ""), contentKey(removeHtml(content ?? ""))];
  return {
    id: call.id,
    status: call.status,
    messageId: idKey(plainText(messageId)),
    kind: kind ?? responseMessage.kind,
    minute: at === null ? null : Math.floor(at / 60_000),
    contents: isErased(call) ? null : [...new Set(contents)],
    senders: sendersOf(addresses, parsePhone),
    from: senderAddress(from),
    nameAlone: Object.values(addresses).every((address) => address === null) ? (name ?? "") : null,
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
  const senders = sendersOf({ mobile, voice, email, mri }, parsePhone);
  if (from === null) return { ...senders, any: null };
  const any = from.includes("@")
    ? sendersOf({ mobile: null, voice: null, email: from, mri: from }, parsePhone)
    : sendersOf({ mobile: from, voice: from, email: null, mri: null }, parsePhone);
  return { ...senders, any: any.mobile === null && any.email === null ? null : any };
}

/** Of plain texts. */
function sendersOf({ mobile, voice, email, mri }: Senders, parsePhone: ParsePhone): Senders {
  const numberKey = (number: string | null): string | null => (number === null ? null : parsePhone(number));
  const textKey = (text: string | null): string | null => text?.toLowerCase() ?? null;
  return { mobile: numberKey(mobile), voice: numberKey(voice), email: textKey(email), mri: textKey(mri) };
}

export function hasSender(senders: Senders): boolean {
  return SENDER_KINDS.some((kind) => senders[kind] !== null);
}
