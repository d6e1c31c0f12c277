/** Widths are as terminals display them: emoji and East Asian characters take two columns. */
import stringWidth from "string-width";

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences
const COLOR = /(\u001b\[\d+m)/;

/** Keeps all colours, so that what ends one stays. */
export function cutToWidth(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let left = width - 1;
  let cut = "";
  for (const [index, part] of text.split(COLOR).entries()) {
    const isColor = index % 2 === 1;
    const head = isColor ? part : headOf(part, left);
    cut += head;
    if (isColor || left < 0) continue;
    left -= stringWidth(head);
    if (head.length === part.length) continue;
    cut += "…";
    left = -1;
  }
  return cut;
}

/** Returns exactly `width` columns. */
export function fitToWidth(text: string, width: number): string {
  const cut = cutToWidth(text, width);
  return cut + " ".repeat(Math.max(0, width - stringWidth(cut)));
}

/** Breaks at words, and a longer word where it must. Returns at least one line. */
export function wrapToWidth(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<= )(?! )/)) {
    if (line !== "" && stringWidth(line + word.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += word;
    while (stringWidth(line.trimEnd()) > width) {
      // A line has at least one character, even if that is too wide.
      const head = headOf(line, width) || String.fromCodePoint(line.codePointAt(0) ?? 0);
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return line.trimEnd() === "" && lines.length > 0 ? lines : [...lines, line.trimEnd()];
}

/** Returns as many characters as fit. */
function headOf(text: string, width: number): string {
  let head = "";
  let used = 0;
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    head += segment;
  }
  return head;
}
