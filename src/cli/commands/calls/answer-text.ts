import type { ListedAttempt } from "../../../client/client.js";
import type { RenderOptions } from "../../output/screen.js";
import { joinText, type ScreenText, sanitize, text } from "../../output/screen-text.js";
import { wrapToWidth } from "../../output/text-width.js";

/** Shows all that is kept of the last answer, a value of JSON a line. */
export function renderAnswer(attempts: readonly ListedAttempt[], { width }: RenderOptions): ScreenText {
  const last = attempts.at(-1);
  const body = last?.body?.trim() ?? "";
  if (last === undefined || body === "") return text``;
  const lines = formatAnswer(body).split(/\r\n|[\r\n]/);
  const shown = width === null ? lines : lines.flatMap((line) => wrapToWidth(sanitize(line), width));
  return text`\nThe endpoint's answer to attempt ${last.number}:\n${joinText(shown, "\n")}\n`;
}

/** Numbers and repeated names stay as they are: only white space between values changes. */
function formatAnswer(body: string): string {
  return isJson(body) ? indentJson(body) : body;
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

function indentJson(json: string): string {
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return json.replace(/"(?:\\.|[^"\\])*"|[{[]\s*[}\]]|[{}[\],:]|\s+/g, (token) => {
    if (/^[{[]\s*[}\]]$/.test(token)) return token.replace(/\s/g, "");
    if (token === "{" || token === "[") {
      depth += 1;
      return token + line();
    }
    if (token === "}" || token === "]") {
      depth -= 1;
      return line() + token;
    }
    if (token === ",") return token + line();
    if (token === ":") return ": ";
    return token.trim();
  });
}
