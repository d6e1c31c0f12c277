/** Each shell's script passes what was typed, and takes the candidates, in its own way. */
import { joinText, type ScreenText, text, wholeText } from "../../output/screen-text.js";
import { parseBashLine, quoteForBash } from "./bash-line.js";
import type { Shell } from "./scripts.js";
import type { Suggestions } from "./suggest.js";

export interface Typed {
  readonly words: readonly string[];
  readonly current: string;
}

interface ShellProtocol {
  answer(args: readonly string[], suggest: (typed: Typed) => Promise<Suggestions>): Promise<ScreenText>;
}

const FILES = text`\tfiles\n`;

/**
 * The script sends WORD… :CURRENT; the colon keeps an empty word, which PowerShell would leave out. It gets lines of value, tab, summary,
 * and quotes them itself.
 */
const words: ShellProtocol = {
  async answer(args, suggest) {
    const current = args.at(-1) ?? "";
    const found = await suggest({ words: args.slice(0, -1), current: current.slice(1) });
    if (found === "files") return FILES;
    return joinText(found.map(({ value, summary }) => text`${wholeText(value)}\t${summary}\n`));
  },
};

/**
 * The script sends the line up to the cursor, and COMP_WORDBREAKS. It gets lines, quoted, that replace the part that bash takes for the
 * word.
 */
const bash: ShellProtocol = {
  async answer([line = "", breaks = ""], suggest) {
    const typed = parseBashLine(line, breaks);
    const found = await suggest(typed);
    if (found === "files") return FILES;
    return joinText(found.map(({ value }) => text`${wholeText(quoteForBash(value.slice(typed.kept.length), typed.quote))}\n`));
  },
};

export const SHELL_PROTOCOLS: Readonly<Record<Shell, ShellProtocol>> = {
  bash,
  zsh: words,
  fish: words,
  powershell: words,
};
