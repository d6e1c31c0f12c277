/** These characters could control a terminal or hide text. They are the inside of a regular expression's class. */
export const CONTROL = String.raw`\u0000-\u001f\u007f-\u009f`;
/** `INVISIBLE` are bidi controls, zero-width characters, line separators and tags. */
export const INVISIBLE = String.raw`\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}`;

const UNESCAPED_BY_JSON = new RegExp(`[\\u007f-\\u009f${INVISIBLE}]`, "gu");

/** Returns the same value, with these characters as \u escapes. */
export function escapeJson(json: string, characters = UNESCAPED_BY_JSON): string {
  return replaceCharacters(json, characters, escapeUnits);
}

/** Yields what `escapeJson` returns, which may be six times as long as the text. */
export function escapedJson(json: string): Iterable<string> {
  return replacedPieces(json, UNESCAPED_BY_JSON, escapeUnits);
}

/** A carriage return stays with its line feed. */
const PIECE = /.{1,65536}(?:(?<=\r)\n)?/gsu;

/** Replacing millions of characters at once would take 40 bytes for each. */
export function replaceCharacters(text: string, characters: RegExp, replace: (character: string) => string): string {
  return Array.from(replacedPieces(text, characters, replace)).join("");
}

function* replacedPieces(text: string, characters: RegExp, replace: (character: string) => string): Generator<string> {
  for (const [piece] of text.matchAll(PIECE)) yield piece.replace(characters, replace);
}

function escapeUnits(character: string): string {
  let escaped = "";
  for (let index = 0; index < character.length; index++) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

/** Surrogates are a range here: V8's first Unicode class takes a short command a millisecond. */
const UNSAFE = new RegExp(`[${CONTROL}${INVISIBLE}\\ud800-\\udfff]`, "gu");

/** Returns one line, in which each of these characters is seen and does nothing. */
export function escapeControls(value: string): string {
  // Most text is plain ASCII, and then Unicode's classes need not be built: they take a short command a millisecond.
  if (/^[\x20-\x7e]*$/.test(value)) return value;
  // More marks than any language uses would overwrite the lines above.
  return replaceCharacters(value, UNSAFE, picture).replace(/(\p{M}{4})\p{M}+/gu, "$1");
}

function picture(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}

/**
 * Signs may be full-width, and stand wherever a spreadsheet may see the beginning of a cell, whose quotation marks it drops. Phone and
 * negative numbers stay. It takes linear time: white space is read backwards from each sign, not forwards from each line feed.
 */
const FORMULA = /(?=[=@\uff1d\uff20]|[+\uff0b\-\uff0d](?!\d[\d "]*(?:$|[;\t\r\n])))(?<=(?:^|[;\t\r\n])[\s"]*)/g;

/** A cell may begin behind each of these, so the pieces can be read one by one. */
const CELLS = /.{1,65536}[^;\t\r\n]*(?:\r\n?|[;\t\n])?/gs;

/** Returns a line of RFC 4180, but with a line feed at its end. No spreadsheet runs a text of it as a formula. */
export function csvLine(cells: readonly (string | number)[]): string {
  return Array.from(csvPieces(cells)).join("");
}

/** Yields what `csvLine` returns, which may be eight times as long as the texts. */
export function* csvPieces(cells: readonly (string | number)[]): Generator<string> {
  let separator = "";
  for (const cell of cells) {
    if (typeof cell === "number") yield `${separator}${cell}`;
    else {
      yield separator;
      yield* cellPieces(cell);
    }
    separator = ",";
  }
  yield "\n";
}

function* cellPieces(text: string): Generator<string> {
  const isQuoted = /[",\n]/.test(text);
  if (isQuoted) yield '"';
  for (const piece of spreadsheetPieces(text)) yield isQuoted ? piece.replace(/"/g, () => '""') : piece;
  if (isQuoted) yield '"';
}

/** Line feeds stay. */
function* spreadsheetPieces(value: string): Generator<string> {
  for (const [cells] of value.matchAll(CELLS)) {
    for (const [piece] of cells.replace(FORMULA, "'").matchAll(PIECE)) yield piece.split(/\r?\n/).map(escapeControls).join("\n");
  }
}
