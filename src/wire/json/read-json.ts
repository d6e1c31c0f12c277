import { WhcbError } from "../../domain/errors.js";

/** 1 000 full calls have about 30 000. */
const MAX_VALUES = 200_000;

const [QUOTE, COMMA, BRACKET, BRACE] = [0x22, 0x2c, 0x5b, 0x7b];
const [MINUS, ZERO, NINE] = [0x2d, 0x30, 0x39];

/** Of a request. Throws `malformed`, also for too many values: `{},` takes 20 times its length in memory. */
export function readJson(text: string, what: "body" | "line"): unknown {
  if (hasManyValues(text)) throw new WhcbError("malformed", `the ${what} has more than ${MAX_VALUES} values`);
  try {
    return parseJsonText(text);
  } catch (error) {
    throw new WhcbError("malformed", `the ${what} isn't JSON`, { cause: error });
  }
}

/** JavaScript may not have a number of more than 15 digits, or with a large exponent. */
const LONG_NUMBER = /\d[\d.]{15}|\d[eE][+-]?\d{3}/;
const HAS_LONG_NUMBER = /[:[,]\s*-?\d(?:[\d.]{15}|[\d.]*[eE][+-]?\d{3})/;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Does what JSON.parse does, but a number that this would change becomes text, with the digits as they were given. */
export function parseJsonText(text: string): unknown {
  if (!HAS_LONG_NUMBER.test(text)) return JSON.parse(text);
  // Invalid JSON throws here: quotes could make it valid, as of a number where a key belongs.
  JSON.parse(text);
  return JSON.parse(quoteLongNumbers(text));
}

/** The text must be JSON. Linear time. */
function quoteLongNumbers(text: string): string {
  const pieces: string[] = [];
  let written = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    if (code !== MINUS && (code < ZERO || code > NINE)) continue;
    NUMBER.lastIndex = at;
    const [number = ""] = NUMBER.exec(text) ?? [];
    if (LONG_NUMBER.test(number) && String(Number(number)) !== number) {
      pieces.push(text.slice(written, at), `"${number}"`);
      written = at + number.length;
    }
    at += number.length - 1;
  }
  return pieces.concat(text.slice(written)).join("");
}

/** Linear time. */
export function hasManyValues(text: string, max = MAX_VALUES): boolean {
  if (text.length <= max) return false;
  let values = 1;
  for (let at = 0; at < text.length && values <= max; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COMMA || code === BRACKET || code === BRACE) values += 1;
  }
  return values > max;
}

/** Its closing quote; the end of the text if there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text[before - 1] === "\\") before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
  return text.length;
}
