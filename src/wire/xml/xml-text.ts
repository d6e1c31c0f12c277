/** Writing XML by hand: the documents of the contract are small and fixed, so text that is safe is all that is needed. */

/** Characters that no XML 1.0 document may hold, even escaped: they become U+FFFD. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const SPECIAL = /[&<>"\r\t\n]/g;
const NEEDS_CARE = /[&<>"\r\p{Surrogate}\ufffe\uffff]|[^\P{Cc}\t\n\u007f-\u009f]/u;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#13;", // a reader turns a bare one into a newline
};
const ATTRIBUTE_ENTITIES: Readonly<Record<string, string>> = { ...ENTITIES, "\t": "&#9;", "\n": "&#10;" };

/** The text of an element, or of an attribute in double quotes where `attribute` is set. */
export function escapeXml(text: string, attribute = false): string {
  if (!attribute && !NEEDS_CARE.test(text)) return text;
  const entities = attribute ? ATTRIBUTE_ENTITIES : ENTITIES;
  return text.replace(FORBIDDEN, "\ufffd").replace(SPECIAL, (character) => entities[character] ?? character);
}

/** `<name>text</name>`; nothing at all where the value is null or undefined. */
export function textElement(name: string, value: string | number | boolean | null | undefined): string {
  return value === null || value === undefined ? "" : `<${name}>${escapeXml(String(value))}</${name}>`;
}

/** `<name>…</name>` around XML that is written already. */
export function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
