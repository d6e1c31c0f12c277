/** The rules are in docs/cli.md, Reconcile. */
import type { ListedCall } from "../../client/client.js";
import type { CallStatus } from "../../domain/call.js";
import type { ResponseKind } from "../../domain/message-response.js";
import { readDate } from "../../wire/dates.js";
import { removeHtml } from "../../wire/remove-html.js";
import { contentKey, idKey, type SeenLine } from "./seen-list.js";

export interface SeenMatch {
  /** The only match of a line: the receiver has them. */
  readonly seen: readonly ComparableCall[];
  readonly ambiguous: readonly ComparableCall[];
  /** Lines that match no call, not even nearly. */
  readonly unmatched: number;
}

/** E.164; null if it can't be parsed. */
export type ParsePhone = (number: string) => string | null;

export interface CompareOptions {
  readonly parsePhone: ParsePhone;
  /** IANA zone of dates without one. */
  readonly timezone: string;
}

export interface ComparableCall {
  readonly id: string;
  readonly status: CallStatus;
  readonly messageId: string;
  readonly kind: ResponseKind;
  readonly minute: number | null;
  /** As listed, and as delivered without markup. */
  readonly contents: readonly string[];
  readonly senders: Senders;
  /** Sender as listed, for people. */
  readonly from: string;
}

/** By kind (mobile, email, mri), comparable. */
type Senders = Readonly<Record<SenderKind, string | null>>;
type SenderKind = "mobile" | "email" | "mri";
const SENDER_KINDS = ["mobile", "email", "mri"] as const;

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
    contents: [...new Set(contents)],
    senders: sendersOf(from, parsePhone),
    from: from.mobile || from.email || from.mri || from.name,
  };
}

export function matchSeen(
  lines: readonly SeenLine[],
  calls: readonly ComparableCall[],
  { parsePhone }: Pick<CompareOptions, "parsePhone">,
): SeenMatch {
  const index = new CallIndex(calls);
  const seen = new Set<ComparableCall>();
  const possible = new Set<ComparableCall>();
  let unmatched = 0;
  for (const line of lines) {
    const wanted = { line: index.resolveId(line), senders: lineSenders(line, parsePhone) };
    const matches = index.candidates(wanted).filter((call) => matchesCall(wanted, call));
    const [only] = matches;
    if (only !== undefined && matches.length === 1) {
      seen.add(only);
      continue;
    }
    const near =
      matches.length > 0 ? matches : index.ofMessage(wanted.line.messageId).filter((call) => sharesSender(wanted, call));
    if (near.length === 0) unmatched += 1;
    for (const call of near) possible.add(call);
  }
  const isFailed = ({ status }: ComparableCall): boolean => status === "FAILED";
  return {
    seen: [...seen].filter(isFailed),
    ambiguous: [...possible].filter((call) => isFailed(call) && !seen.has(call)),
    unmatched,
  };
}

interface WantedCall {
  readonly line: SeenLine;
  readonly senders: LineSenders;
}

/** `any`: one of these, for a column that says only "from". */
interface LineSenders extends Senders {
  readonly any: Senders | null;
}

function lineSenders(line: SeenLine, parsePhone: ParsePhone): LineSenders {
  const { from } = line;
  const senders = sendersOf({ mobile: line.mobile ?? "", email: line.email ?? "", mri: line.mri ?? "" }, parsePhone);
  if (from === null) return { ...senders, any: null };
  const any = from.includes("@")
    ? { mobile: null, email: textKey(from), mri: textKey(from) }
    : { mobile: parsePhone(from), email: null, mri: null };
  return { ...senders, any: any.mobile === null && any.email === null ? null : any };
}

function sendersOf(from: Readonly<Record<SenderKind, string>>, parsePhone: ParsePhone): Senders {
  const mobile = from.mobile.trim();
  return { mobile: mobile === "" ? null : parsePhone(mobile), email: textKey(from.email), mri: textKey(from.mri) };
}

function textKey(text: string): string | null {
  return text.trim().toLowerCase() || null;
}

/** Every field that both have agrees. */
function matchesCall({ line, senders }: WantedCall, call: ComparableCall): boolean {
  return (
    (line.callId === null || line.callId === idKey(call.id)) &&
    (line.messageId === null || line.messageId === call.messageId) &&
    (line.kind === null || line.kind === call.kind) &&
    (line.minute === null || call.minute === null || line.minute === call.minute) &&
    (line.content === null || call.contents.includes(line.content)) &&
    sendersAgree(senders, call.senders)
  );
}

/** At least one equal and none different, unless one side has none. */
function sendersAgree(line: LineSenders, call: Senders): boolean {
  if (!hasSender(call) || !(hasSender(line) || line.any !== null)) return true;
  let isEqual = false;
  for (const kind of SENDER_KINDS) {
    const [one, other] = [line[kind], call[kind]];
    if (one === null || other === null) continue;
    if (one !== other) return false;
    isEqual = true;
  }
  if (line.any === null) return isEqual;
  return equalsAny(line.any, call);
}

function sharesSender({ senders }: WantedCall, call: ComparableCall): boolean {
  return equalsAny(senders, call.senders) || (senders.any !== null && equalsAny(senders.any, call.senders));
}

function equalsAny(one: Senders, other: Senders): boolean {
  return SENDER_KINDS.some((kind) => one[kind] !== null && one[kind] === other[kind]);
}

function hasSender(senders: Senders): boolean {
  return SENDER_KINDS.some((kind) => senders[kind] !== null);
}

/** By sender: a message may have 100,000 replies. */
class CallIndex {
  readonly #byId = new Map<string, ComparableCall>();
  readonly #byMessage = new Map<string, ComparableCall[]>();
  readonly #bySender = new Map<string, ComparableCall[]>();
  readonly #withoutSender = new Map<string, ComparableCall[]>();

  constructor(calls: readonly ComparableCall[]) {
    for (const call of calls) {
      this.#byId.set(idKey(call.id), call);
      append(this.#byMessage, call.messageId, call);
      for (const key of senderKeys(call.messageId, call.senders)) append(this.#bySender, key, call);
      if (!hasSender(call.senders)) append(this.#withoutSender, call.messageId, call);
    }
  }

  /** A call's id first, else a message's. */
  resolveId(line: SeenLine): SeenLine {
    if (line.id === null) return line;
    return this.#byId.has(line.id) ? { ...line, callId: line.id } : { ...line, messageId: line.id };
  }

  ofMessage(messageId: string | null): readonly ComparableCall[] {
    return messageId === null ? [] : (this.#byMessage.get(messageId) ?? []);
  }

  candidates({ line, senders }: WantedCall): readonly ComparableCall[] {
    if (line.callId !== null) {
      const call = this.#byId.get(line.callId);
      return call === undefined ? [] : [call];
    }
    const { messageId } = line;
    if (messageId === null) return [];
    const keys = [...senderKeys(messageId, senders), ...(senders.any === null ? [] : senderKeys(messageId, senders.any))];
    if (keys.length === 0) return this.ofMessage(messageId);
    const found = new Set(keys.flatMap((key) => this.#bySender.get(key) ?? []));
    return [...found, ...(this.#withoutSender.get(messageId) ?? [])];
  }
}

function senderKeys(messageId: string, senders: Senders): readonly string[] {
  return SENDER_KINDS.flatMap((kind) => (senders[kind] === null ? [] : [`${messageId} ${kind} ${senders[kind]}`]));
}

function append<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
