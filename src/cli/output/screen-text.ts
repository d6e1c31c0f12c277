/** Only this text is written to the screen: what is put into it is escaped, so it can control no terminal and forge no line. */

import { escapeControls, escapeJson } from "../../platform/unsafe-characters.js";

/** `MAX_LENGTH` is more than a screen shows, and bounds the work. */
const MAX_LENGTH = 2_000;

/** `EscapedText` isn't exported, so that text can't become ScreenText unescaped. */
class EscapedText {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type ScreenText = EscapedText;

export type Printable = string | number | ScreenText;

/** Keeps the template's own text, and makes each value one escaped line. */
export function text(parts: TemplateStringsArray, ...values: readonly Printable[]): ScreenText {
  return new EscapedText(parts.map((part, index) => (index === 0 ? part : escapeValue(values[index - 1] ?? "") + part)).join(""));
}

/** Makes each part one escaped line. The separator is the caller's own. */
export function joinText(parts: readonly Printable[], separator = ""): ScreenText {
  return new EscapedText(parts.map(escapeValue).join(separator));
}

/** Escapes like `text`, but never cuts a value, which is copied. */
export function wholeText(value: string): ScreenText {
  return new EscapedText(escapeControls(value));
}

/** Returns JSON without a line end. What `sanitize` would escape becomes a \u escape. */
export function safeJson(value: unknown, indent?: number): ScreenText {
  return new EscapedText(jsonOf(value, indent));
}

/** Indents the value as an item of an array. */
export function jsonItem(value: unknown): ScreenText {
  return new EscapedText(jsonOf(value, 2).replace(/^/gm, "  "));
}

function jsonOf(value: unknown, indent?: number): string {
  return escapeJson(JSON.stringify(value, undefined, indent));
}

/** Takes layout made of values that are escaped already. It keeps line breaks, tabs and the palette's colours. */
export function layoutText(layout: string): ScreenText {
  return new EscapedText(
    layout
      .split(OWN_CONTROLS)
      .map((part, index) => (index % 2 === 1 ? part : escapeControls(part)))
      .join(""),
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences
const OWN_CONTROLS = /(\n|\t|\u001b\[(?:1|2|22|31|32|33|39)m)/;

/** Returns one line, for text that is measured before it is written. */
export function sanitize(value: string): string {
  return escapeControls(value.length > MAX_LENGTH ? `${value.slice(0, MAX_LENGTH)}…` : value);
}

function escapeValue(value: Printable): string {
  return value instanceof EscapedText ? value.toString() : sanitize(String(value));
}
