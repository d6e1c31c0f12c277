/** Text of a service or user must not control a terminal or break a table. */

/** More than a screen shows; bounds the work. */
const LONGEST = 2_000;

const CONTROL = String.raw`\u0000-\u001f\u007f-\u009f`;
/** Bidi controls, zero-width characters, line separators and tags. */
const INVISIBLE = String.raw`\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}`;
const UNSAFE = new RegExp(`[${CONTROL}${INVISIBLE}]|\\p{Surrogate}`, "gu");
/** More than any language uses: they would overwrite the lines above. */
const STACKED_MARKS = /(\p{M}{4})\p{M}+/gu;

export function sanitize(text: string): string {
  return escapeControls(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}

/** Like `sanitize`, but never cut. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, picture).replace(STACKED_MARKS, "$1");
}

/** Like `sanitize`, but keeps line breaks. */
export function sanitizeLines(text: string): string {
  return text.split(/\r?\n/).map(sanitize).join("\n");
}

/** Writes what `sanitize` would escape as \u escapes. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(JSON_UNSAFE, escapeUnits);
}

const JSON_UNSAFE = new RegExp(`[\\u007f-\\u009f${INVISIBLE}]`, "gu");

function picture(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}

function escapeUnits(character: string): string {
  let escaped = "";
  for (let index = 0; index < character.length; index++) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}
