/** What programs make of a text that they put into another one. */
export const SPELLINGS = {
  JSON: inJson,
  "JSON with escaped slashes": (text: string) => inJson(text).replaceAll("/", "\\/"),
  "JSON that is safe in HTML": (text: string) => inJson(text).replace(/[<>&'+]/g, unicode),
  "JSON of numbers only": (text: string) => text.replace(/[\s\S]/g, unicode),
  HTML: (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`),
  "HTML with names": (text: string) => text.replace(/\W/g, (character) => NAMES.get(character) ?? character),
  "HTML of hex numbers": (text: string) => text.replace(/\W/g, (character) => `&#x${hex(character, 4)};`),
  "a URL": encodeURIComponent,
  "a URL of numbers only": (text: string) => text.replace(/[\s\S]/g, (character) => `%${hex(character, 2).toLowerCase()}`),
  "a form": (text: string) => new URLSearchParams([["", text]]).toString().slice(1),
  "a log": (text: string) => text.replace(/[^\w ]/g, (character) => `\\x${hex(character, 2)}`),
};

const NAMES = new Map(
  [
    "/sol",
    "+plus",
    '"quot',
    "'apos",
    "<lt",
    ">gt",
    "&amp",
    "=equals",
    "\\bsol",
    "äauml",
    "ÄAuml",
    "ßszlig",
    "½frac12",
    "\u00a0nbsp",
  ].map((name) => [name[0], `&${name.slice(1)};`]),
);

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(digits, "0");
}

function unicode(character: string): string {
  return `\\u${hex(character, 4)}`;
}
