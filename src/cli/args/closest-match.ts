import { WhcbError } from "../../domain/errors.js";

/** Returns the candidate with the fewest edits, if they are few enough for a typing error. */
export function closestMatch(word: string, candidates: readonly string[]): string | null {
  const lower = word.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 0.5;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > bestDistance) continue;
    const distance = editDistance(lower, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Ignores case. Throws `usage` with the message, and with the closest match and the list as its hint. */
export function requireOneOf<Candidate extends string>(
  word: string,
  candidates: readonly Candidate[],
  message: string,
): Candidate {
  const found = candidates.find((candidate) => candidate.toLowerCase() === word.toLowerCase());
  if (found !== undefined) return found;
  const match = closestMatch(word, candidates);
  const all = `there are: ${candidates.join(", ")}`;
  throw new WhcbError("usage", message, { hint: match === null ? all : `did you mean ${match}? ${all}` });
}

/** Counts insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const above = rows[i - 1];
      const changed = (above?.[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      let cost = Math.min((above?.[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, changed);
      if (left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) cost = Math.min(cost, (rows[i - 2]?.[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[left.length]?.[right.length] ?? 0;
}
