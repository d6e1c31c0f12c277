/** These characters could control a terminal or hide text. They are the inside of a regular expression's class. */
export const CONTROL = String.raw`\u0000-\u001f\u007f-\u009f`;
/** `INVISIBLE` are bidi controls, zero-width characters, line separators and tags. */
export const INVISIBLE = String.raw`\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}`;

const UNESCAPED_BY_JSON = new RegExp(`[\\u007f-\\u009f${INVISIBLE}]`, "gu");

/** Returns the same value, with these characters as \u escapes. */
export function escapeJson(json: string, characters = UNESCAPED_BY_JSON): string {
  return replaceCharacters(json, characters, escapeUnits);
}

const PIECE = /.{1,65536}/gsu;

/** Replacing millions of characters at once would take 40 bytes for each. */
export function replaceCharacters(text: string, characters: RegExp, replace: (character: string) => string): string {
  return Array.from(text.matchAll(PIECE), ([piece]) => piece.replace(characters, replace)).join("");
}

function escapeUnits(character: string): string {
  let escaped = "";
  for (let index = 0; index < character.length; index++) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}
