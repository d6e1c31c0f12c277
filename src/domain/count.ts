/** Returns "1 call", "2 calls". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

const MAX_SHOWN = 5;

/** Returns "a, b, c, d, e and 3 more". */
export function listSome(ids: readonly string[]): string {
  const shown = ids.slice(0, MAX_SHOWN).join(", ");
  return ids.length <= MAX_SHOWN ? shown : `${shown} and ${ids.length - MAX_SHOWN} more`;
}
