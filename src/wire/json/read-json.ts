import { WhcbError } from "../../domain/errors.js";

export interface JsonLimits {
  /** Memory goes by their number: `{},` takes 20 times its length. */
  readonly values: number;
  readonly levels?: number;
}

/** 1 000 full calls have about 30 000 values. */
const REQUEST_LIMITS: JsonLimits = { values: 200_000 };

const [QUOTE, COMMA] = [0x22, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const [MINUS, ZERO, NINE] = [0x2d, 0x30, 0x39];

/** So long a text takes little memory, whatever is in it. */
const SHORT_LENGTH = 1024 * 1024;

/** Throws `malformed`. A longer text is parsed only within the limits. Of a short one the levels are counted afterwards, which is cheaper. */
export function readJson(text: string, what: "body" | "line" | "answer", limits = REQUEST_LIMITS): unknown {
  const { values: maxValues, levels: maxLevels = maxValues } = limits;
  const isShort = text.length <= Math.min(SHORT_LENGTH, maxValues);
  const excess = isShort ? null : findExcess(text, limits);
  if (excess !== null) throw tooMuch(what, excess, limits);
  let value: unknown;
  try {
    value = parseJsonText(text);
  } catch (error) {
    throw new WhcbError("malformed", `the ${what} isn't JSON`, { cause: error });
  }
  if (isShort && text.length > maxLevels && isDeeper(value, maxLevels)) throw tooMuch(what, "levels", limits);
  return value;
}

function tooMuch(what: string, excess: keyof JsonLimits, limits: JsonLimits): WhcbError {
  return new WhcbError("malformed", `the ${what} has more than ${limits[excess]} ${excess}`);
}

export function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

/** Counts the value and all in it. Takes linear time, however deep it is. */
export function countValues(value: unknown): number {
  const found = [value];
  for (const next of found) {
    if (typeof next === "object" && next !== null) for (const member of Object.values(next)) found.push(member);
  }
  return found.length;
}

/** JavaScript may not have a number of more than 15 digits, or with a large exponent. */
const LONG_NUMBER = /\d[\d.]{15}|\d[eE][+-]?\d{3}/;
const HAS_LONG_NUMBER = /[:[,]\s*-?\d(?:[\d.]{15}|[\d.]*[eE][+-]?\d{3})/;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Does what JSON.parse does, but a number that this would change becomes text, with the digits as they were given. */
export function parseJsonText(text: string): unknown {
  if (!HAS_LONG_NUMBER.test(text)) return JSON.parse(text);
  // Invalid JSON throws here: quotes could make it valid, such as those of a number where a key belongs.
  JSON.parse(text);
  return JSON.parse(quoteNumbers(text, (number) => LONG_NUMBER.test(number) && isRespelled(number)));
}

const MAY_BE_RESPELLED = /\d[eE][+-]?\d|\.\d*0(?!\d)|-0|0\.0{6}/;

/** Makes texts of the numbers that JavaScript spells otherwise, as 12.10 or 1e2. The text must be JSON. */
export function keepSpellings(text: string): string {
  return MAY_BE_RESPELLED.test(text) ? quoteNumbers(text, isRespelled) : text;
}

function isRespelled(number: string): boolean {
  return String(Number(number)) !== number;
}

/** The text must be JSON. Takes linear time. */
function quoteNumbers(text: string, isQuoted: (number: string) => boolean): string {
  const pieces: string[] = [];
  let written = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    if (code !== MINUS && (code < ZERO || code > NINE)) continue;
    NUMBER.lastIndex = at;
    const [number = ""] = NUMBER.exec(text) ?? [];
    if (isQuoted(number)) {
      pieces.push(text.slice(written, at), `"${number}"`);
      written = at + number.length;
    }
    at += number.length - 1;
  }
  return pieces.concat(text.slice(written)).join("");
}

/** Returns what the text has too much of. Takes linear time. */
export function findExcess(text: string, limits: JsonLimits): keyof JsonLimits | null {
  const { values: maxValues, levels: maxLevels = maxValues } = limits;
  if (text.length <= Math.min(maxValues, maxLevels)) return null;
  let [values, levels] = [1, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COMMA) values += 1;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      values += 1;
      levels += 1;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) levels -= 1;
    if (values > maxValues) return "values";
    if (levels > maxLevels) return "levels";
  }
  return null;
}

const COLON = /\s*:/y;

/** Tells whether an object of the JSON text has a name twice: its value, which is what parsing returns, has only the last. Takes linear time. */
export function hasRepeatedNames(text: string, value: unknown): boolean {
  let names = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) {
    at = endOfString(text, at);
    COLON.lastIndex = at + 1;
    if (COLON.test(text)) names += 1;
  }
  return names > countNames(value);
}

function countNames(value: unknown): number {
  let names = 0;
  const found = [value];
  for (const next of found) {
    if (typeof next !== "object" || next === null) continue;
    const members = Object.values(next);
    if (!Array.isArray(next)) names += members.length;
    for (const member of members) found.push(member);
  }
  return names;
}

/** Returns the place of the closing quote, or the end of the text if there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    if (text[end - 1] !== "\\") return end;
    let before = end - 1;
    while (text[before - 1] === "\\") before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
  return text.length;
}
