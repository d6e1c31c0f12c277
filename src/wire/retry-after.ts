/** The wait that a Retry-After header asks for. */

/** Seconds ("120") or an HTTP date; in milliseconds from `now` (epoch ms), never negative. Null where it is neither. */
export function parseRetryAfter(value: string, now: number): number | null {
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  // An HTTP date begins with the day's name; Date.parse alone would take "-1" for a year.
  const at = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
