/** What a field says by its name and its value alone (docs/reconcile.md). */
import { idKey, isGeneratedId } from "../../domain/call.js";
import { DATE_ORDERS, readListDate } from "./list-dates.js";

/** An `acknowledged` alone is a reply's date, and a `delivery` may be anything. */
const WHOSE =
  "^(?!(?:acknowledged|delivery)$)(?:is|was|has|been|http|res|response|request|call|callback|webhook|upstream|delivery)*";
const STATUS_NAME = new RegExp(`${WHOSE}(?:(?:status|state)(?:code|text|name)?|code|http|result|outcome|verdict)$`);
const WORDS_OF_ARRIVAL = "success|successful|succeeded|accepted|delivered|received|imported|processed|stored";
const YES_NAME = new RegExp(
  `${WHOSE}(?:(?:${WORDS_OF_ARRIVAL}|seen|ok|acknowledged)(?:at|on|date|time|ts|timestamp|utc|flag|ok|yn)*|(?:valid|delivery)(?:flag|ok|yn)*)$`,
);

/** Tells whether a column (`columnName`) of this name has to say that its line was received. */
export function saysWhetherReceived(name: string): boolean {
  return [STATUS_NAME, YES_NAME].some((names) => names.test(lettersOf(name)));
}

const ARRIVAL_NAME =
  /(?:received|delivered|imported|processed|stored|created|inserted|updated|modified|logged)(?:at|on|date|time|ts|timestamp|utc)*(?:(?:by|to|in).*)?$/;

/** Tells whether a time of this name is the list's, not the sender's. */
export function saysWhenItArrived(name: string): boolean {
  return ARRIVAL_NAME.test(lettersOf(name));
}

function lettersOf(name: string): string {
  return name.replace(/[^\p{L}\d]/gu, "");
}

const RECEIVED =
  /^(?:(?:HTTP\S* )?20[0-6](?:\.0+| (?:ok|created|accepted|no content|reset content|partial content|non-authoritative information))?|ok|success|successful|succeeded|received|accepted|acknowledged|delivered|processed|completed?|done|stored|true)$/i;
const YES = /^(?:t|yes|y|1(?:\.0+)?)$/i;
const EPOCH = /^\d{9,13}(?:\.\d+)?$/;

/** Nothing else says that a line was received: no list of words has all that mean the opposite. */
export function saysReceived(name: string, value: string): boolean {
  const text = value.trim();
  if (!saysWhetherReceived(name)) return false;
  return RECEIVED.test(text) || (!STATUS_NAME.test(lettersOf(name)) && (YES.test(text) || isArrivalDate(text)));
}

const [FIRST, LAST] = [Date.UTC(2010, 0), Date.UTC(2099, 0)];

export function isArrivalDate(text: string): boolean {
  return readArrival(text).length > 0;
}

/**
 * Returns the instants that the text may name, or none if it isn't a date. Programs write "never" as the first or last date that they know,
 * or as that of a century.
 */
export function readArrival(text: string): readonly number[] {
  const instants = EPOCH.test(text) ? [epochMs(Number(text))] : DATE_ORDERS.map((order) => readListDate(text, order));
  return instants.filter((at) => at !== null).filter((at) => at >= FIRST && at < LAST);
}

/** Numbers below this are seconds, until the year 5138. */
const MOST_SECONDS = 1e11;

function epochMs(epoch: number): number {
  return epoch < MOST_SECONDS ? epoch * 1_000 : epoch;
}

const WORDS_OF_REFUSAL = new RegExp(
  [
    String.raw`(?<!\p{L})err|err(?:or|no|code|msg|(?!\p{L}))|exception|reject|fail|refuse|declin|den(?:y|ied)|drop|discard|skip|invalid`,
    String.raw`time[ds]?[\W_]*out|dead[\W_]*letter|roll(?:ed)?[\W_]*back|nack|fatal|abort|blocked|cancel|quarantin|deleted|missing`,
    String.raw`unauthori|forbidden|unavailable|unprocessable|unable|could(?:n|[\W_]*not)|(?<!\p{L})bad(?!\p{L})`,
    String.raw`(?:un|(?:not|never)[\W_]*(?:yet[\W_]*)?)(?:${WORDS_OF_ARRIVAL}|seen)`,
  ].join("|"),
  "iu",
);
const REFUSAL = [WORDS_OF_REFUSAL, /(?<!\d)[45](?:\d\d|xx)(?![\d\p{L}])/iu];
const NO = /^(?:f|false|no|never|n|0(?:\.0+)?)?$/i;

/** What this misses stops the command all the same, but isn't named apart. */
export function mentionsRefusal(name: string, value: string): boolean {
  return saysWhetherReceived(name) || NO.test(value.trim()) || [name, value].some(hasRefusal);
}

/** Dates and ids may have digits like a code. */
function hasRefusal(text: string): boolean {
  return REFUSAL.some((pattern) => pattern.test(text)) && !DISTINCT_KINDS.some((isOfKind) => isOfKind(text));
}

/** A header such as content-length may be a number like a code. */
export function saysRefused(name: string, value: string): boolean {
  const isCount = /(?:^|\.)headers?\./.test(name) && /^\d+$/.test(value);
  return hasRefusal(value) && !isCount;
}

/** Values of one kind all differ as a rule: then they don't say yes of one line and no of another. */
export const DISTINCT_KINDS: readonly ((value: string) => boolean)[] = [
  isArrivalDate,
  (text) => /^(?=.{16})[\da-f]+(?:-[\da-f]+)*$/i.test(text),
  (text) => /^\d{4,}$/.test(text),
];

/** Such as `status=503`, `exit:1`, `---503---` and `//503`. */
const HEADING = /^\p{L}[\p{L}_-]*[=:]\d{1,3}$|^[^\p{L}\d]{2}|[-*#/]{2}$/u;

/** Other lines may be headings, such as `failed:`, `503` or `rejected-2026-11-29`. */
export function looksLikeId(text: string): boolean {
  if (isUuid(text)) return true;
  if (WORDS_OF_REFUSAL.test(text) && !isGenerated(text)) return false;
  return /\d/.test(text) && !/[\s()[\]]|:$/.test(text) && !HEADING.test(text) && !/^(?:http\W*)?[45](?:\d\d|xx)\D*$/i.test(text);
}

/** Such an id may be the number of a line, or 1 for yes. */
export function isDigit(id: string): boolean {
  return /^\d$/.test(id);
}

/**
 * Returns whether an id that no call has is spelled like one of these, but for its numbers, or is a UUID. Others may be headings. Random ids,
 * such as ULIDs, are spelled each in its own way, but are of one length and of the same kinds of characters.
 */
export function idsLike(known: readonly string[]): (id: string) => boolean {
  const spellings = countBy(known, spellingOf);
  const alone = known.filter((id) => id.length >= SHORTEST_RANDOM && spellings.get(spellingOf(id)) === 1);
  const lengths = countBy(alone, ({ length }) => length);
  const random = alone.filter(({ length }) => (lengths.get(length) ?? 0) > 1);
  const kinds = new Set(random.flatMap(kindsOf));
  return (id) => isUuid(id) || spellings.has(spellingOf(id)) || kindsOf(id).every((kind) => kinds.has(kind));
}

export function countBy<Key>(ids: Iterable<string>, keyOf: (id: string) => Key): ReadonlyMap<Key, number> {
  const counts = new Map<Key, number>();
  for (const id of ids) counts.set(keyOf(id), (counts.get(keyOf(id)) ?? 0) + 1);
  return counts;
}

function isGenerated(id: string): boolean {
  return isGeneratedId(idKey(id));
}

export function isUuid(id: string): boolean {
  return isGenerated(id) && idKey(id).length === 32;
}

export function spellingOf(id: string): string {
  return id.replace(/\d+/g, "0");
}

const SHORTEST_RANDOM = 16;

/** Returns the kinds of characters, each with the length of the id. */
function kindsOf(id: string): readonly string[] {
  const kinds = id
    .replace(/\p{Ll}/gu, "a")
    .replace(/\p{Lu}/gu, "A")
    .replace(/\d/g, "0");
  return [...new Set(kinds)].map((kind) => `${id.length}${kind}`);
}
