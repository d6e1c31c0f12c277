/** bash passes words with their quotes, and splits them at ":" and "=": its line is read here instead. */

export interface BashLine {
  /** `words` are without quotes and "whcb". */
  readonly words: readonly string[];
  readonly current: string;
  /** Readline doesn't replace this beginning of `current`. */
  readonly kept: string;
  /** `quote` is open at the cursor; "" if none is. */
  readonly quote: "" | "'" | '"';
}

/** `line` is that of one command, up to the cursor; `breaks` is COMP_WORDBREAKS. */
export function parseBashLine(line: string, breaks: string): BashLine {
  const words: string[] = [];
  let word = "";
  let isWord = false;
  let kept = "";
  let quote: BashLine["quote"] = "";
  for (let index = 0; index < line.length; index++) {
    const character = line[index] ?? "";
    const next = line[index + 1] ?? "";
    if (quote === "" && /\s/.test(character)) {
      if (isWord) words.push(word);
      [word, kept, isWord] = ["", "", false];
      continue;
    }
    isWord = true;
    if (character === "\\" && quote !== "'" && (quote === "" || /["\\$`]/.test(next))) {
      word += next;
      index += 1;
    } else if (character === quote) {
      quote = "";
      kept = word;
    } else if (quote === "" && (character === "'" || character === '"')) {
      quote = character;
      kept = word;
    } else {
      word += character;
      if (quote === "" && breaks.includes(character)) kept = word;
    }
  }
  const program = words.findIndex((typed) => !/^\w+=/.test(typed));
  return { words: words.slice(program + 1), current: word, kept, quote };
}

/** Returns what readline inserts. It closes an open quote itself, unless the last character is one. */
export function quoteForBash(text: string, quote: BashLine["quote"]): string {
  const quoted = escapeForBash(text, quote);
  return quote !== "" && quoted.endsWith(quote) ? quoted + quote : quoted;
}

function escapeForBash(text: string, quote: BashLine["quote"]): string {
  if (quote === "'") return text.replaceAll("'", `'\\''`);
  // History is expanded inside double quotes too, where a backslash before "!" would stay.
  if (quote === '"') return text.replace(/["\\$`]/g, "\\$&").replaceAll("!", `"'!'"`);
  return text.replace(/[^\p{L}\p{M}\p{N}_@%+=:,./-]/gu, "\\$&");
}
