/** A list of failed calls, or a log of rejected requests, isn't a list of what was received (docs/cli.md, Reconcile). */
import { DATE_ORDERS, readListDate } from "./list-dates.js";

const STATUS_NAME =
  /(?:status|state)(?:code|text|name)?$|(?:http|response|result)code$|(?:result|outcome|verdict)$|^(?:code|http)$/;
/** An `acknowledged` alone is a reply's date, and a `delivery` may be anything. */
const YES_NAME =
  /(?:success|successful|succeeded|accepted|delivered|received|imported|processed|stored|valid|^(?:(?:is|was|has)acknowledged|acknowledged(?=.)|(?:is|was|has)?(?:seen|ok)|delivery(?=.)))(?:at|on|date|time|ts|timestamp|utc|flag|ok|yn)*(?:(?:by|to|in).*)?$/;
const NO_NAME =
  /^err$|error|exception|fail|reject|dropped|discarded|skipped|deadletter|invalid|nack(?:ed)?$|(?:un|not(?:yet)?|never)(?:success|succeeded|accepted|delivered|received|imported|processed|stored|seen)/;

/** The name is a column's (`columnName`). A dot is before each inner one: `res.ok`, and such an `acknowledged` isn't a reply's date. */
export function saysWhetherReceived(name: string): boolean {
  return [STATUS_NAME, YES_NAME, NO_NAME].some((names) => isOneOf(names, name));
}

const ARRIVAL_NAME =
  /(?:received|delivered|imported|processed|stored|created|inserted|updated|modified|logged)(?:at|on|date|time|ts|timestamp|utc)*(?:(?:by|to|in).*)?$/;

/** Tells whether a time of this name is the list's, not the sender's. */
export function saysWhenItArrived(name: string): boolean {
  return isOneOf(ARRIVAL_NAME, name);
}

function isOneOf(names: RegExp, name: string): boolean {
  const inner = lettersOf(name.slice(name.lastIndexOf(".") + 1));
  const spellings = name.includes(".") ? [inner, `is${inner}`] : [];
  return [lettersOf(name), ...spellings].some((letters) => names.test(letters));
}

function lettersOf(name: string): string {
  return name.replace(/[^\p{L}\d]/gu, "");
}

const RECEIVED =
  /^(?:(?:HTTP\S* )?20[0-6](?: (?:ok|created|accepted|no content|reset content|partial content|non-authoritative information))?|ok|success|successful|succeeded|received|accepted|acknowledged|delivered|processed|completed?|done|stored|true)$/i;
const YES = /^(?:t|yes|y|1)$/i;
const NO = /^(?:|f|false|no|n|0|null|none)$/i;
const EPOCH = /^\d{9,13}(?:\.\d+)?$/;

/** Any other value, and an empty one, may say that the line wasn't received. */
export function meansReceived(name: string, value: string): boolean {
  const text = value.trim();
  if (isOneOf(NO_NAME, name)) return NO.test(text);
  return RECEIVED.test(text) || (!isOneOf(STATUS_NAME, name) && (YES.test(text) || isDate(text)));
}

/** An event's name may end so: `webhook.rejected`. */
const NOT_RECEIVED =
  /^(?:\S*[._:/-])?(?:error|failed|failure|refused|rejected|dropped|discarded|skipped|dead[ _-]?letter|timed[ _]out|timeout|undelivered|not[ _](?:accepted|delivered|received))$/i;

/** A server's log may have the status in a column `response`. Such a word says so in a column of any name. */
export function meansNotReceived(name: string, value: string): boolean {
  if (/(?:^|\.)response$/.test(name) && /^[1-5]\d\d$/.test(value.trim())) return !RECEIVED.test(value.trim());
  if (/^HTTP\/\d(?:\.\d)? [45]\d\d\b/i.test(value.trim())) return true;
  return NOT_RECEIVED.test(value.trim());
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
