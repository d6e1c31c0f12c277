/** removeHTML: strips the markup from a rich reply and keeps every character of its text. */
import { createRequire } from "node:module";
import type * as HtmlParser from "htmlparser2";

const MARKUP = /<[a-z!/?]|&(?:#\d+|#x[\da-f]+|\w+);/i;
const BREAKING = new Set("p div li tr h1 h2 h3 h4 h5 h6 blockquote pre ul ol table section article header footer".split(" "));
const HIDDEN = new Set(["script", "style", "title", "template", "noscript"]);

/** Loaded with the first text that contains markup: most callbacks never get one. */
let htmlParser: typeof HtmlParser | null = null;

function loadParser(): typeof HtmlParser {
  htmlParser ??= createRequire(import.meta.url)("htmlparser2") as typeof HtmlParser;
  return htmlParser;
}

/**
 * Drops tags and comments and decodes entities. `<br>` and the ends of blocks become one newline if text follows. A `<` that doesn't
 * open a tag stays: "I <3 you", "5 < 6".
 */
export function removeHtml(content: string): string {
  if (!MARKUP.test(content)) return content;
  let text = "";
  let isBreakPending = false;
  let hiddenDepth = 0;
  let consumed = 0;
  const parser = new (loadParser().Parser)({
    ontext(data) {
      consumed = parser.endIndex + 1;
      if (hiddenDepth > 0) return;
      if (isBreakPending && text !== "" && !text.endsWith("\n") && !/^\s*\n/.test(data)) text += "\n";
      isBreakPending = false;
      text += data;
    },
    onopentag(name) {
      consumed = parser.endIndex + 1;
      if (HIDDEN.has(name)) hiddenDepth += 1;
      if (name === "br") text += "\n";
      if (BREAKING.has(name)) isBreakPending = true;
    },
    onclosetag(name) {
      consumed = Math.max(consumed, parser.endIndex + 1);
      if (HIDDEN.has(name)) hiddenDepth -= 1;
      if (BREAKING.has(name)) isBreakPending = true;
    },
    oncomment() {
      consumed = parser.endIndex + 1;
    },
    onprocessinginstruction() {
      consumed = parser.endIndex + 1;
    },
  });
  parser.write(content);
  const unfinished = content.slice(consumed);
  parser.end();
  // A "<" without a following ">" isn't a tag.
  return /^<[a-z/]/i.test(unfinished) && hiddenDepth === 0 ? text + unfinished : text;
}
