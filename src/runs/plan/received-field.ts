/** What a field says by its name and its value alone (docs/cli.md, Reconcile). */
import { DATE_ORDERS, readListDate } from "./list-dates.js";

const STATUS_NAME =
  /(?:status|state)(?:code|text|name)?$|(?:http|response|result)code$|(?:result|outcome|verdict)$|^(?:code|http)$/;
const WORDS_OF_ARRIVAL = "success|successful|succeeded|accepted|delivered|received|imported|processed|stored";
/** An `acknowledged` alone is a reply's date, and a `delivery` may be anything. */
const YES_NAME = new RegExp(
  `(?:${WORDS_OF_ARRIVAL}|valid|^(?:(?:is|was|has)acknowledged|acknowledged(?=.)|(?:is|was|has)?(?:seen|ok)|delivery(?=.)))(?:at|on|date|time|ts|timestamp|utc|flag|ok|yn)*(?:(?:by|to|in).*)?$`,
);
/** A column's name and a value of any column may have such a word. */
const NO_WORD = new RegExp(
  [
    String.raw`(?<!\p{L})err|err(?:or|no|code|msg|(?!\p{L}))|exception|reject|fail|refuse|declin|den(?:y|ied)|drop|discard|skip|invalid`,
    String.raw`time[ds]?[\W_]*out|dead[\W_]*letter|roll(?:ed)?[\W_]*back|nack|fatal|abort|blocked|cancel|quarantin|deleted|missing`,
    String.raw`unauthori|forbidden|unavailable|unprocessable|(?<!\p{L})bad(?!\p{L})`,
    String.raw`(?:un|(?:not|never)[\W_]*(?:yet[\W_]*)?)(?:${WORDS_OF_ARRIVAL}|seen)`,
  ].join("|"),
  "iu",
);

/** The name is a column's (`columnName`). A dot is before each inner one: `res.ok`, and such an `acknowledged` isn't a reply's date. */
export function saysWhetherReceived(name: string): boolean {
  return [STATUS_NAME, YES_NAME, NO_WORD].some((names) => isOneOf(names, name));
}

const ARRIVAL_NAME =
  /(?:received|delivered|imported|processed|stored|created|inserted|updated|modified|logged)(?:at|on|date|time|ts|timestamp|utc)*(?:(?:by|to|in).*)?$/;

/** Tells whether a time of this name is the list's, not the sender's. */
export function saysWhenItArrived(name: string): boolean {
  return isOneOf(ARRIVAL_NAME, name);
}

function isOneOf(names: RegExp, name: string): boolean {
  const inner = lettersOf(innerName(name));
  const spellings = name.includes(".") ? [inner, `is${inner}`] : [];
  return [lettersOf(name), ...spellings].some((letters) => names.test(letters));
}

/** Members of a list have the list's name. */
function innerName(name: string): string {
  const whole = name.replace(/(?:\.\d+)+$/, "");
  return whole.slice(whole.lastIndexOf(".") + 1);
}

function lettersOf(name: string): string {
  return name.replace(/[^\p{L}\d]/gu, "");
}

const RECEIVED =
  /^(?:(?:HTTP\S* )?20[0-6](?: (?:ok|created|accepted|no content|reset content|partial content|non-authoritative information))?|ok|success|successful|succeeded|received|accepted|acknowledged|delivered|processed|completed?|done|stored|true)$/i;
const YES = /^(?:t|yes|y|1)$/i;
const NO = /^(?:f|false|no|never|n)$/i;
const NOTHING = /^(?:null|none|0)?$/i;
const EPOCH = /^\d{9,13}(?:\.\d+)?$/;
/** Such as 503, 5xx, HTTP/1.1 503, or 404 Not Found. A flag of a database may be 0. */
const NO_NUMBER = /^0$|^(?:HTTP\S*\s+)?[45](?:\d\d|xx)(?:$|\W+(?:$|\p{L}))/iu;

/** Columns such as `id`, `serverport`, `bodybytessent` or `retrycount` have other numbers. */
const NUMBER_NAME =
  /(?:id|key|number|version|size|length|count|tries|attempts?|requests|connection|time|duration|ms|seconds|amount|price)$|bytes|^(?:server|remote)?port$|^(?:allocations|view|db)$/u;
/** What was received again is received. */
const OTHER_FLAG = /^repeat$/;

/** Tells whether a field that isn't compared may say that the line wasn't received. */
export function mayMeanNotReceived(name: string, value: string): boolean {
  const text = value.trim();
  if (isOneOf(NO_WORD, name)) return !NOTHING.test(text) && !NO.test(text);
  if (saysWhetherReceived(name)) return !meansReceived(name, text);
  const inner = lettersOf(innerName(name));
  if (NO.test(text)) return !OTHER_FLAG.test(inner);
  return NO_WORD.test(text) || (NO_NUMBER.test(text) && !NUMBER_NAME.test(inner));
}

/** Tells whether an id is the heading of what wasn't received: no sender chooses `failed:`. */
export function isHeading(id: string): boolean {
  return !/\d/.test(id) && (NO_WORD.test(id) || NO.test(id));
}

/** Any other value, and an empty one, may say that the line wasn't received. */
function meansReceived(name: string, text: string): boolean {
  return RECEIVED.test(text) || (!isOneOf(STATUS_NAME, name) && (YES.test(text) || isDate(text)));
}

const [FIRST, LAST] = [Date.UTC(2000, 0), Date.UTC(2100, 0)];

/** Programs write "never" as the first or last date that they know. */
function isDate(text: string): boolean {
  const instants = EPOCH.test(text) ? [epochMs(Number(text))] : DATE_ORDERS.map((order) => readListDate(text, order));
  return instants.some((at) => at !== null && at >= FIRST && at < LAST);
}

/** Numbers below this are seconds, until the year 5138. */
const MOST_SECONDS = 1e11;

function epochMs(epoch: number): number {
  return epoch < MOST_SECONDS ? epoch * 1_000 : epoch;
}
