import type { ReadText } from "./flag.js";

/** A whole number within bounds, both inclusive. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): ReadText<number> {
  return (text) => {
    const number = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(number >= least && number <= most)) {
      throw new Error(
        most === Number.MAX_SAFE_INTEGER ? `is no whole number from ${least} up` : `is no whole number from ${least} to ${most}`,
      );
    }
    return number;
  };
}

/** A share of all: 0 to 1. */
export function parseShare(text: string): number {
  const share = /^(\d+(\.\d+)?|\.\d+)$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(share >= 0 && share <= 1)) throw new Error("is no number from 0 to 1");
  return share;
}

const PER_SECOND: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** Reads "20/s", "600/m" or "20" as requests a second. */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/([smh]))?$/.exec(text.trim());
  const rate = match === null ? 0 : Number(match[1]) / (PER_SECOND[match[2] ?? "s"] ?? 1);
  if (rate <= 0) throw new Error('is no rate (write "20/s" or "600/m")');
  return rate;
}
