/** A line and a call are compared by these parts (docs/reconcile.md). */
import type { ListedCall } from "../../client/client.js";
import { type CallStatus, idKey, isErased, isMarked } from "../../domain/call.js";
import { givenValues, type MessageResponse, type ResponseKind, senderAddress } from "../../domain/message-response.js";
import { deliveryBody } from "../../wire/delivery-request.js";
import { hasSentNothing } from "../../wire/json/call-json.js";
import { removeHtml } from "../../wire/remove-html.js";
import { COMPARED, columnName, contentKey, fieldsOfBody, OTHER_SENDER, readBody, textKey, valueKey } from "./body-fields.js";
import type { SeenFormat } from "./list-records.js";
import { givesAddress, messageIdsIn, minuteOf, type SeenLine } from "./seen-list.js";

/** Returns each valid reading as E.164, with an extension, the local one first. It is empty if the number can't be parsed. */
export type ParsePhone = (number: string) => readonly string[];

export interface CompareOptions {
  readonly parsePhone: ParsePhone;
  /** Dates without a zone are of this IANA zone. */
  readonly timezone: string;
  /** The list that is compared has this format. */
  readonly format: SeenFormat;
  /** A run knows that the call with this id has arrived. */
  readonly hasArrived?: (id: string) => boolean;
}

/** A call has the values of all bodies that a receiver may have of it. Empty lists agree with everything. */
export interface ComparableCall extends ReadSenders {
  readonly id: string;
  readonly status: CallStatus;
  readonly changedAt?: number | undefined;
  /** Nothing of it is known to have been sent. */
  readonly isUnsent: boolean;
  /** It never failed, and nobody has marked it, as far as is known. */
  readonly wasDelivered: boolean;
  readonly messageIds: readonly string[];
  readonly kinds: readonly ResponseKind[];
  readonly minutes: readonly number[];
  readonly contents: readonly string[];
  /** `from` is the sender as listed, by name if it has no address. */
  readonly from: string;
  /** `namesAlone` is null if the sender has an address, which may not be comparable. */
  readonly namesAlone: readonly string[] | null;
  /** The bodies say this, too, about the sender. */
  readonly otherSenders: readonly string[];
  /** The bodies of a FAILED call have these values (`ownValue`). */
  readonly own: readonly string[];
}

function ownValue(name: string, key: string): string {
  return `${name} ${key}`;
}

interface ReadSenders {
  readonly senders: Senders;
  /** Local readings of numbers that are international ones too are probably another person's. */
  readonly doubtful: ReadonlySet<string>;
}

/** Addresses are comparable, by kind. A number that can't be parsed begins with `UNPARSED`. */
export type Senders = Readonly<Record<SenderKind, readonly string[]>>;
export type SenderKind = "mobile" | "voice" | "email" | "mri";
export const SENDER_KINDS = ["mobile", "voice", "email", "mri"] as const;

export function comparableCall(call: ListedCall, { parsePhone, timezone, format, hasArrived }: CompareOptions): ComparableCall {
  const { id, status, changedAt, response } = call;
  const fields = new Map<string, Set<string>>();
  for (const body of bodiesOf(response))
    for (const [name, value] of fieldsOfBody(readBody(body) ?? {})) fields.set(name, (fields.get(name) ?? new Set()).add(value));
  const valuesOf = (name: string): readonly string[] => [...(fields.get(name) ?? [])];
  const textsOf = (name: string): readonly string[] => valuesOf(name).filter((value) => value.trim() !== "");
  const dates = { undeliverable: textsOf("undeliverable"), reply: textsOf("acknowledged") };
  const minutes = [...dates.undeliverable, ...dates.reply].map((date) => minuteOf(date, timezone));
  const isUnclear = hasTwoSpellings(response);
  const texts = hasOtherContent(response) ? textsOf("content") : orEmpty(valuesOf("content"));
  return {
    id,
    status,
    changedAt,
    isUnsent: hasSentNothing(call) && hasArrived?.(id) !== true,
    wasDelivered: status === "SUCCESS" && !isMarked(call) && (call.attemptCount ?? 1) === 1,
    messageIds: distinct(valuesOf("messageid").flatMap((value) => messageIdsIn(format, value).map(idKey))),
    kinds: isUnclear ? [] : kindsOf(dates),
    minutes: isUnclear ? [] : distinct(minutes.filter((minute) => minute !== null)),
    contents: isUnclear || isErased(call) ? [] : texts.map(contentKey),
    ...sendersOf((kind) => (isUnclear ? [] : textsOf(kind)), parsePhone),
    from: senderAddress(response.from),
    namesAlone: [...SENDER_KINDS, "from"].some((kind) => textsOf(kind).length > 0) ? null : orEmpty(textsOf("name")).map(textKey),
    otherSenders: orEmpty(valuesOf(OTHER_SENDER)),
    own: status === "FAILED" ? ownValues(fields) : [],
  };
}

function ownValues(fields: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  return [...fields].flatMap(([name, values]) =>
    COMPARED.has(name) ? [...values].map((value) => ownValue(name, valueKey(name, value))) : [],
  );
}

/** A call without a date is listed as a reply. */
function kindsOf(dates: Readonly<Record<ResponseKind, readonly string[]>>): readonly ResponseKind[] {
  if (dates.undeliverable.length === 0) return ["reply"];
  return dates.reply.length === 0 ? ["undeliverable"] : ["undeliverable", "reply"];
}

function orEmpty(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [""] : values;
}

function distinct<Value>(values: readonly Value[]): readonly Value[] {
  return [...new Set(values)];
}

/** XML can't have what JSON escapes so. */
const NOT_IN_XML = /\\[ubf]|[\ufffe\uffff]/;
const TEXT_OR_NULL = /^(?:"|null$|-?\d)/;

/** Returns the body with and without markup, in XML too if that may read differently. */
function bodiesOf(response: MessageResponse): readonly string[] {
  const { content } = response.responseMessage;
  const settings = removeHtml(content) === content ? [false] : [false, true];
  const write = (contentType: "json" | "xml"): readonly string[] =>
    settings.map((isRemoved) => deliveryBody({ contentType, removeHtml: isRemoved }, response));
  const json = write("json");
  const given = response.given === undefined ? [] : givenValues(response.given);
  const isSame = !json.some((body) => NOT_IN_XML.test(body)) && given.every(([, value]) => TEXT_OR_NULL.test(value));
  return isSame ? json : [...json, ...write("xml")];
}

/** A content that isn't text isn't an empty one. */
function hasOtherContent({ given }: MessageResponse): boolean {
  const members = given?.responseMessage ?? [];
  return members.some(
    (member) => typeof member !== "string" && columnName(member[0]) === "content" && !TEXT_OR_NULL.test(member[1]),
  );
}

/** Programs differ in which of the two they take. */
function hasTwoSpellings({ given }: MessageResponse): boolean {
  if (given === undefined) return false;
  return [given.from, given.responseMessage].some((members) => {
    const names = members.map((member) => columnName(typeof member === "string" ? member : member[0]));
    return new Set(names).size < names.length;
  });
}

export interface WantedCall extends ReadSenders {
  readonly line: SeenLine;
  /** The sender is one of these, for a column that says only "from". */
  readonly anySender: readonly string[];
  readonly parts: readonly WantedCall[];
}

export function wantedCall(line: SeenLine, parsePhone: ParsePhone): WantedCall {
  const { senders, doubtful } = sendersOf((kind) => [line[kind] ?? ""], parsePhone);
  const any = sendersOf(() => [line.from ?? ""], parsePhone);
  const { mobile, email } = any.senders;
  // An address without an @ may be a number that can't be parsed.
  const isAddress = formOf(mobile) === PARSED || line.from?.includes("@") === true;
  return {
    line,
    senders,
    doubtful: new Set([...doubtful, ...any.doubtful]),
    anySender: isAddress ? [...mobile, ...email] : mobile,
    parts: line.parts.map((part) => wantedCall(part, parsePhone)),
  };
}

/** An empty set of its own would take 200 bytes for each call. */
const NOT_DOUBTFUL: ReadonlySet<string> = new Set();

/** The platform writes international numbers without a plus sign. */
function sendersOf(textsOf: (kind: SenderKind) => readonly string[], parsePhone: ParsePhone): ReadSenders {
  const doubtful = new Set<string>();
  const readingsOf = (text: string): readonly string[] => {
    if (text.trim() === "" || text.includes("@")) return [];
    const readings = parsePhone(text.trim());
    const [local = "", international = local] = readings;
    if (local !== international) doubtful.add(local);
    return readings;
  };
  const numbers = (texts: readonly string[]): readonly string[] => {
    const readings = distinct(texts.flatMap(readingsOf));
    if (readings.length > 0) return readings;
    const unparsed = distinct(texts.flatMap(unparsedNumber));
    return new Set(unparsed.map((value) => value.length)).size === 1 ? unparsed : [];
  };
  const addresses = (texts: readonly string[]): readonly string[] =>
    distinct(texts.map((text) => textKey(text).toLowerCase()).filter((text) => text !== ""));
  const senders = {
    mobile: numbers(textsOf("mobile")),
    voice: numbers(textsOf("voice")),
    email: addresses(textsOf("email")),
    mri: addresses(textsOf("mri")),
  };
  return { senders, doubtful: doubtful.size === 0 ? NOT_DOUBTFUL : doubtful };
}

/** No other value has a line feed. */
export const UNPARSED = "\n";

/** Returns nothing for a text that may be a mask or a placeholder. */
function unparsedNumber(text: string): readonly string[] {
  const digits = text.replace(/[\s().-]/g, "");
  return /^\+?(\d)(?!\1*$)\d{2,14}$/.test(digits) ? [UNPARSED + digits] : [];
}

const PARSED = "parsed";

/** Only values of one form can be told apart. Numbers that can't be parsed must be equally long. Returns null if there are no values. */
export function formOf([value]: readonly string[]): string | null {
  if (value === undefined) return null;
  return value.startsWith(UNPARSED) ? String(value.length) : PARSED;
}

export type Field = "kind" | "minute" | "content" | SenderKind | "anySender";
export type Values = readonly (string | number | null)[];

/** Two calls agree if they have a value in common. */
export const VALUES: {
  readonly [Name in Field]: readonly [ofCall: (call: ComparableCall) => Values, ofLine: (wanted: WantedCall) => Values];
} = {
  kind: [({ kinds }) => kinds, ({ line }) => [line.kind]],
  minute: [({ minutes }) => minutes, ({ line }) => [line.minute]],
  content: [({ contents }) => contents, ({ line }) => [line.content]],
  mobile: [({ senders }) => senders.mobile, ({ senders }) => senders.mobile],
  voice: [({ senders }) => senders.voice, ({ senders }) => senders.voice],
  email: [({ senders }) => senders.email, ({ senders }) => senders.email],
  mri: [({ senders }) => senders.mri, ({ senders }) => senders.mri],
  anySender: [({ senders }) => SENDER_KINDS.flatMap((kind) => senders[kind]), ({ anySender }) => anySender],
};

function agree(field: Field, wanted: WantedCall, call: ComparableCall): boolean {
  const [ofCall, ofLine] = VALUES[field];
  return ofCall(call).some((value) => ofLine(wanted).includes(value));
}

/** Returns what must be equal beside the ids, which depends only on the fields that the two have, or null if they can't match. */
export function comparedFields(wanted: WantedCall, call: ComparableCall): readonly Field[] | null {
  const { line, senders, anySender } = wanted;
  const fields: Field[] = [];
  if (line.kind !== null && call.kinds.length > 0) fields.push("kind");
  if (line.minute !== null && call.minutes.length > 0) fields.push("minute");
  if (line.content !== null && call.contents.length > 0) fields.push("content");
  const isComparable = (values: readonly string[], kind: SenderKind): boolean =>
    formOf(values) !== null && formOf(values) === formOf(call.senders[kind]);
  const both = SENDER_KINDS.filter((kind) => isComparable(senders[kind], kind));
  if (SENDER_KINDS.some((kind) => isComparable(anySender, kind))) return [...fields, ...both, "anySender"];
  const areParsed = [senders, call.senders].every((all) => SENDER_KINDS.some((kind) => formOf(all[kind]) === PARSED));
  return both.length === 0 && areParsed ? null : [...fields, ...both];
}

/** Lines of one shape have the same fields to compare with calls of one shape. */
export function shapeOfLine({ line: { callId, kind, minute, content }, senders, anySender }: WantedCall): string {
  const values = [callId, kind, minute, content].map((value) => value !== null);
  return JSON.stringify([...values, ...[...SENDER_KINDS.map((kind) => senders[kind]), anySender].map(formOf)]);
}

export function shapeOfCall({ kinds, minutes, contents, senders }: ComparableCall): string {
  const forms = SENDER_KINDS.map((kind) => formOf(senders[kind]));
  return JSON.stringify([...[kinds, minutes, contents].map(({ length }) => length > 0), ...forms]);
}

/** Returns what the two have differently. */
export function differences(wanted: WantedCall, call: ComparableCall): readonly string[] {
  const { messageId } = wanted.line;
  const fields = (comparedFields(wanted, call) ?? ["anySender"]).filter((field) => !agree(field, wanted, call));
  const names = fields.map((field) => (isOfSender(field) ? "sender" : field === "minute" ? "time" : field));
  return messageId === null || call.messageIds.includes(messageId) ? names : ["message id", ...names];
}

/**
 * The only match may be another reply than the line's, as what was delivered is kept for a shorter time. Without a call id, the sender, the
 * content and the time must agree. A sender without an address has a name, other members, or nothing.
 */
export function identifies(wanted: WantedCall, call: ComparableCall): boolean {
  const { line } = wanted;
  if (line.callId !== null) return true;
  const compared = comparedFields(wanted, call) ?? [];
  if (!compared.includes("content") || !compared.includes("minute")) return false;
  const isSure = (value: string | number | null): boolean =>
    typeof value === "string" && !call.doubtful.has(value) && !wanted.doubtful.has(value);
  const isSameAddress = (field: Field): boolean =>
    VALUES[field][0](call).some((value) => isSure(value) && VALUES[field][1](wanted).includes(value));
  if (compared.some((field) => isOfSender(field) && isSameAddress(field))) return true;
  const isSameName = call.namesAlone?.includes(textKey(line.name ?? "")) === true;
  return !givesAddress(line) && isSameName && call.otherSenders.includes(line.otherSender ?? "");
}

/**
 * A list may have one of two replies to a message that have a key in common as the other. What arrived must be in the list, so it has more: of
 * content, minute and sender it has two in common with the other, else both sender and content.
 */
export function replyKeys(call: ComparableCall, hasArrived: boolean): readonly string[] {
  const { senders, namesAlone, otherSenders, messageIds, contents, minutes } = call;
  const addresses = distinct(SENDER_KINDS.flatMap((kind) => senders[kind]));
  const sameSender = addresses.length > 0 ? addresses : [JSON.stringify([namesAlone, otherSenders])];
  const pairs = (ones: Values, others: Values): readonly Values[] => ones.flatMap((one) => others.map((other) => [one, other]));
  const arrived = hasArrived ? [...pairs(sameSender, minutes), ...pairs(contents, minutes)] : [];
  return messageIds.flatMap((id) => [...pairs(sameSender, contents), ...arrived].map((pair) => JSON.stringify([id, ...pair])));
}

/** Without a sender or a time, a call matches lines of every sender or time. */
export function lacksFieldOf(wanted: WantedCall, call: ComparableCall): boolean {
  const givesSender = wanted.anySender.length > 0 || SENDER_KINDS.some((kind) => wanted.senders[kind].length > 0);
  const isSenderCompared = comparedFields(wanted, call)?.some(isOfSender) === true;
  return (givesSender && !isSenderCompared) || (wanted.line.minute !== null && call.minutes.length === 0);
}

/** Returns the ignored columns of the line that mention a refusal. What the sender of its call wrote says nothing of the receiver. */
export function refusalsOf({ refusals }: SeenLine, call?: ComparableCall): readonly string[] {
  return refusals.flatMap(({ name, key }) => (call?.contents.includes(key) ? [] : [name]));
}

const FIELD_OF: Readonly<Record<string, Field>> = {
  acknowledged: "minute",
  undeliverable: "minute",
  from: "anySender",
  content: "content",
  ...Object.fromEntries(SENDER_KINDS.map((kind) => [kind, kind])),
};

export interface UncomparedValue {
  readonly line: number;
  readonly name: string;
  readonly key: string;
}

/** Returns what a line says beside what it is matched by, and the call doesn't have itself. */
export function uncomparedValues(wanted: WantedCall, call: ComparableCall): readonly UncomparedValue[] {
  if (wanted.parts.length > 0) return wanted.parts.flatMap((part) => uncomparedValues(part, call));
  const compared: readonly (Field | undefined)[] = comparedFields(wanted, call) ?? [];
  const { line, values } = wanted.line;
  const isOwn = (key: string, ...names: readonly string[]): boolean =>
    names.some((name) => call.own.includes(ownValue(name, key)));
  return values.flatMap(({ name, key, isCompared }) => {
    const names = name === "from" ? ["from", "name", ...SENDER_KINDS] : [name];
    return (isCompared && compared.includes(FIELD_OF[name])) || isOwn(key, ...names) ? [] : [{ line, name, key }];
  });
}

export function isOfSender(field: Field): boolean {
  return field !== "kind" && field !== "minute" && field !== "content";
}
