const PLAIN_WORD = /^[\w./:@%+=,-]+$/;

/** For a POSIX shell; only if needed. */
export function shellQuote(word: string): string {
  return PLAIN_WORD.test(word) ? word : singleQuote(word);
}

/** The shell expands nothing. */
export function singleQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
