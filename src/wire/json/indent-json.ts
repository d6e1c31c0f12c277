const TOKEN = /"(?:\\.|[^"\\])*"|[{[]\s*[}\]]|[{}[\],:]|\s+/g;

/** Indenting each of many levels would take the square of the text's length. */
const MOST_LEVELS = 20;

/**
 * Writes JSON with a value on each line. All that it says stays, also numbers of any size and repeated names. Returns null if it isn't JSON,
 * or has more than 20 levels.
 */
export function indentJson(text: string): string | null {
  if (!isJson(text)) return null;
  let depth = 0;
  let isTooDeep = false;
  const line = () => `\n${"  ".repeat(depth)}`;
  const indented = text.replace(TOKEN, (token) => {
    if (isTooDeep) return "";
    if (/^[{[]\s*[}\]]$/.test(token)) return token.replace(/\s/g, "");
    if (token === "{" || token === "[") {
      depth += 1;
      isTooDeep = depth > MOST_LEVELS;
      return token + line();
    }
    if (token === "}" || token === "]") {
      depth -= 1;
      return line() + token;
    }
    if (token === ",") return token + line();
    return token === ":" ? ": " : token.trim();
  });
  return isTooDeep ? null : indented;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
