/** Outside text must not start a line, move the cursor or change the reading direction. */

const LINE_BREAKS = /\r\n|[\n\r\u0085\u2028\u2029]/;
/** Controls, and characters that reorder or hide text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are replaced here
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

export function isPlainLine(text: string): boolean {
  return text.search(INVISIBLE) === -1 && !LINE_BREAKS.test(text);
}

export function toLine(text: string, max: number): string {
  return truncate(text.split(LINE_BREAKS).join(" ").replace(INVISIBLE, "\ufffd").trim(), max);
}

/** "..." if cut. */
export function truncate(text: string, max: number): string {
  if (text.length <= max) return text;
  // Whole surrogate pairs only.
  return `${text.slice(0, max).replace(/[\ud800-\udbff]$/, "")}...`;
}

/** So that no line looks like the mail's own text. */
export function quoteBlock(text: string, max: number): string[] {
  const lines = truncate(text.trim(), max).split(LINE_BREAKS);
  const quoted = lines.map((line) => `  | ${line.replaceAll("\t", "  ").replace(INVISIBLE, "\ufffd")}`);
  return text.trim().length > max ? [...quoted, `  (truncated: ${text.trim().length} characters in total)`] : quoted;
}
