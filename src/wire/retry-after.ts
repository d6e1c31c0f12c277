/** The wait that a Retry-After header asks for, in ms from `now` (epoch ms), never negative. Null if it is neither seconds nor an HTTP date. */
export function parseRetryAfter(value: string, now: number): number | null {
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  // An HTTP date begins with a weekday; Date.parse alone would read "-1" as a year.
  const at = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
