import { parseStatusCodePattern, type StatusCodePattern } from "../../domain/call-filter.js";

/** Reads "500", "5xx" or "none". */
export function readStatusCode(text: string): StatusCodePattern {
  const pattern = parseStatusCodePattern(text.toLowerCase());
  if (pattern === null) throw new Error('is no status code (write "500", "5xx", or "none" for no answer)');
  return pattern;
}
