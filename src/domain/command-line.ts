/** Commands to type are built here. What a service named is in one only as an operand: one word of a shell, and never a flag. */
import { hasUrlSecret, maskUrl } from "./mask.js";

export interface CommandWords {
  /** `command` may be two words, such as "calls list". */
  readonly command: string;
  readonly operands?: readonly string[];
  /** `flags` have their values. */
  readonly flags?: readonly string[];
}

export function commandLine(words: CommandWords): string {
  return shellLine(argvOf(words));
}

/** Returns the command that marks what the endpoint has of a callback, and sends the rest. */
export function reconcileLine(callback: { readonly id: string; readonly name: string }, flags: readonly string[] = []): string {
  return commandLine({ command: "reconcile", operands: [callbackOperand(callback)], flags: ["--seen", "FILE", ...flags] });
}

/** Returns what follows "whcb". Operands come first, or after `--` if one of them would read as a flag. */
export function argvOf({ command, operands = [], flags = [] }: CommandWords): readonly string[] {
  const isFlagLike = operands.some((operand) => operand.startsWith("-") && operand !== "-");
  return [...command.split(" "), ...(isFlagLike ? [...flags, "--", ...operands] : [...operands, ...flags])];
}

/** Returns the command as it was typed, with more flags. */
export function repeatedLine(argv: readonly string[], ...flags: readonly string[]): string {
  return shellLine(withFlags(argv, flags));
}

/** Adds flags, with their values, before `--`. */
export function withFlags(argv: readonly string[], flags: readonly string[]): readonly string[] {
  const before = beforeDashes(argv);
  return [...before, ...flags, ...argv.slice(before.length)];
}

/** Returns the words that may be flags: those before `--`. */
export function beforeDashes(argv: readonly string[]): readonly string[] {
  return argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
}

/**
 * Returns the variable that stands for a URL that holds a secret, masked or not. The shell expands it; no command reads it. Each URL has its
 * own: with another's, which may still be set, the calls would go there. A checksum tells apart what has the same letters and digits.
 */
export function urlVariable(url: string): string {
  const shown = maskUrl(url);
  const readable = shown
    .replace(/^https?:/i, "")
    .replace(/\W+/g, "_")
    .replace(/_$/, "");
  return `WHCB_CALLBACK_URL${readable}_${checksum(shown)}`;
}

/** Returns eight hex digits: FNV-1a of the UTF-16 code units. Loading a hash of Node would make each start slower. */
export function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return (sum >>> 0).toString(16).padStart(8, "0");
}

/** Returns the variable of the URL that a command leaves out, or null. */
export function urlVariableOf(command: string): string | null {
  return /"\$(WHCB_CALLBACK_URL_\w+)"/.exec(command)?.[1] ?? null;
}

function shellLine(argv: readonly string[]): string {
  const words = argv.map((word, index) => {
    const flag = argv[index - 1] === "--to" ? "" : "--to=";
    const url = word.slice(flag.length);
    return word.startsWith(flag) && hasUrlSecret(url) ? `${flag}"$${urlVariable(url)}"` : shellQuote(word);
  });
  return ["whcb", ...words].join(" ");
}

/** In a literal, such classes would be built whenever the file is loaded (docs/adr/0007). */
const LETTER_OR_DIGIT = "\\p{L}\\p{N}";
const UNSHOWABLE = "\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}";

/** Such a name would be taken for the id of a callback or a call. */
const LIKE_AN_ID = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;

/** Returns the operand that names a callback: its id unless the name is plain. */
export function callbackOperand({ id, name }: { readonly id: string; readonly name: string }): string {
  const isPlain = new RegExp(`^[${LETTER_OR_DIGIT}][${LETTER_OR_DIGIT}\\p{M} .,_@+&()/:-]*$`, "u").test(name);
  return isPlain && !LIKE_AN_ID.test(name) ? name : id;
}

/** A plain word has no first = or %, because zsh expands the one and fish %self. */
const PLAIN_WORD = /^(?![=%])[\w./:@%+=,-]+$/;

/** Quotes a word for a shell if it needs quotes. */
export function shellQuote(word: string): string {
  return PLAIN_WORD.test(word) ? word : quoteWord(word);
}

/**
 * Quotes a word so that the shell expands nothing. Characters that can't be shown are written as numbers in $'…' (bash, zsh, ksh):
 * fish rejects it, and no shell finds the end of the quotes elsewhere.
 */
export function quoteWord(text: string): string {
  if (!new RegExp(`[${UNSHOWABLE}]`, "u").test(text)) return singleQuote(text);
  return `$'${text.replace(new RegExp(`[\\\\'${UNSHOWABLE}]`, "gu"), byNumber)}'`;
}

/**
 * Quotes a text so that the shell expands nothing. Backslashes are outside of the quotes too, where fish reads them as other shells
 * do.
 */
export function singleQuote(text: string): string {
  return `'${text.replace(/[\\']+/g, (characters) => `'${characters.replace(/./g, "\\$&")}'`)}'`;
}

/** Writes a byte in octal and other characters as \U, at full length, so digits that follow aren't part of it. */
function byNumber(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x80 ? `\\${code.toString(8).padStart(3, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}
