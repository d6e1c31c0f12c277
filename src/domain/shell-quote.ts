/** One argument of a command line, quoted for a POSIX shell. */

const PLAIN_WORD = /^[\w./:@%+=,-]+$/;

/** The word as a POSIX shell reads it: as it is where that is safe, else in single quotes. */
export function shellQuote(word: string): string {
  return PLAIN_WORD.test(word) ? word : singleQuote(word);
}

/** Always in single quotes, in which a shell changes nothing. */
export function singleQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
