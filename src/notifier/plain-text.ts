/** Makes words of others safe to stand in a mail: nothing of theirs can start a line, move a cursor or turn text around. */

const LINE_BREAKS = /\r\n|[\n\r\u0085\u2028\u2029]/;
/** Control characters, and those that reorder or hide what is written. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** On one line, at most `max` characters. */
export function toLine(text: string, max: number): string {
  return cut(text.split(LINE_BREAKS).join(" ").replace(INVISIBLE, "\ufffd").trim(), max);
}

/** At most `max` characters, the cut shown. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  // A surrogate pair isn't cut in two.
  return `${text.slice(0, max).replace(/[\ud800-\udbff]$/, "")}...`;
}

/** Quoted line by line, so that no line of it can be taken for the mail's own. */
export function quoteBlock(text: string, max: number): string[] {
  const lines = cut(text.trim(), max).split(LINE_BREAKS);
  const quoted = lines.map((line) => `  | ${line.replaceAll("\t", "  ").replace(INVISIBLE, "\ufffd")}`);
  return text.trim().length > max ? [...quoted, `  (cut: ${text.trim().length} characters in all)`] : quoted;
}

/** The word as a POSIX shell takes it for one argument; null where no quoting keeps it safe or it would be read as a flag. */
export function quoteForShell(word: string): string | null {
  if (word === "" || word.startsWith("-") || word.search(INVISIBLE) !== -1 || LINE_BREAKS.test(word)) return null;
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** "2026-11-24 23:31:05 UTC". */
export function showInstant(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** "5 minutes", "1 hour", "90 seconds". */
export function showDuration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds % 3_600 === 0) return counted(seconds / 3_600, "hour");
  return seconds % 60 === 0 ? counted(seconds / 60, "minute") : counted(seconds, "second");
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
