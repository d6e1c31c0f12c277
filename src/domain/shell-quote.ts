const PLAIN_WORD = /^[\w./:@%+=,-]+$/;

/** Quotes one argument for a POSIX shell where it needs quotes. */
export function shellQuote(word: string): string {
  return PLAIN_WORD.test(word) ? word : singleQuote(word);
}

/** In single quotes, where the shell expands nothing. */
export function singleQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
