/** Text that came from a service or a person, made harmless for a terminal and for one line of a table. */

/** Far more than any screen shows; what is longer is cut before anything else looks at it. */
const LONGEST = 2_000;

const CONTROL = String.raw`\u0000-\u001f\u007f-\u009f`;
/** Marks that turn the order of what follows, or are not seen at all (Unicode's bidi controls, zero-widths, line separators, tags). */
const INVISIBLE = String.raw`\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}`;
const HARMFUL = new RegExp(`[${CONTROL}${INVISIBLE}]|\\p{Surrogate}`, "gu");
/** More accents on one letter than any language writes: they would run over the lines above. */
const PILED_UP = /(\p{M}{4})\p{M}+/gu;

/** The text on one line and of bounded length: control characters become their pictures (␛, ␊), marks that can't be seen their code points. */
export function sanitize(text: string): string {
  return escapeControls(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}

/** As `sanitize`, but whole, however long. */
export function escapeControls(text: string): string {
  return text.replace(HARMFUL, picture).replace(PILED_UP, "$1");
}

/** As `sanitize`, but the lines stay lines. */
export function sanitizeLines(text: string): string {
  return text.split(/\r?\n/).map(sanitize).join("\n");
}

/** JSON that a terminal can't be harmed by either: C1 controls, line separators and bidi marks are written as \u escapes, which mean the same. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(JSON_HARMFUL, escapeUnits);
}

/** What JSON.stringify leaves as it is: of the controls only those from 7f up; line feeds stand only between its tokens. */
const JSON_HARMFUL = new RegExp(`[\\u007f-\\u009f${INVISIBLE}]`, "gu");

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
