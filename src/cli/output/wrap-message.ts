// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences
const COLOR = /\u001b\[\d+m/g;
/** A command has to stay on its line: a part of it would run if it was pasted. */
const COMMAND = /`[^`]*`/g;

/**
 * Breaks lines at words. It counts characters, so a terminal breaks wide ones itself. A line with a command that isn't in backticks stays
 * whole.
 */
export function wrapMessage(message: string, columns: number): string {
  return message
    .split("\n")
    .map((line) => (widthOf(line) <= columns || /\bwhcb /.test(line.replace(COMMAND, "")) ? line : wrapLine(line, columns)))
    .join("\n");
}

/** The lines that are added are indented: what a service said must not look like a line of ours. */
function wrapLine(line: string, columns: number): string {
  const [indent = ""] = /^ */.exec(line) ?? [];
  const lines: string[] = [];
  const added = `${indent}  `;
  let current = indent;
  for (const word of line.slice(indent.length).match(/(?:`[^`]*`|[^\s`]|`)+\s*/g) ?? []) {
    if (current.trim() !== "" && widthOf(current + word.trimEnd()) > columns) {
      lines.push(current.trimEnd());
      current = added;
    }
    current += word;
  }
  return [...lines, current].join("\n");
}

function widthOf(text: string): number {
  return text.replace(COLOR, "").length;
}
