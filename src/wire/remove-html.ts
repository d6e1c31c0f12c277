/** removeHTML: the text of a rich reply, its markup gone and every character of plain text kept. */
import { createRequire } from "node:module";
import type * as HtmlParser from "htmlparser2";

const MARKUP = /<[a-z!/?]|&(?:#\d+|#x[\da-f]+|\w+);/i;
const BREAKING = new Set("p div li tr h1 h2 h3 h4 h5 h6 blockquote pre ul ol table section article header footer".split(" "));
const HIDDEN = new Set(["script", "style", "title", "template", "noscript"]);

/** The parser is loaded when the first text with markup comes: most callbacks never send one. */
let htmlParser: typeof HtmlParser | null = null;

function loadParser(): typeof HtmlParser {
  htmlParser ??= createRequire(import.meta.url)("htmlparser2") as typeof HtmlParser;
  return htmlParser;
}

/**
 * Tags and comments are dropped, entities become their characters, `<br>` and the ends of paragraphs and the like become one
 * newline where text follows. A `<` that opens no tag stays: "I <3 you", "5 < 6".
 */
export function removeHtml(content: string): string {
  if (!MARKUP.test(content)) return content;
  let text = "";
  let isBreakOwed = false;
  let hiddenDepth = 0;
  let consumed = 0;
  const parser = new (loadParser().Parser)({
    ontext(data) {
      consumed = parser.endIndex + 1;
      if (hiddenDepth > 0) return;
      if (isBreakOwed && text !== "" && !text.endsWith("\n") && !/^\s*\n/.test(data)) text += "\n";
      isBreakOwed = false;
      text += data;
    },
    onopentag(name) {
      consumed = parser.endIndex + 1;
      if (HIDDEN.has(name)) hiddenDepth += 1;
      if (name === "br") text += "\n";
      if (BREAKING.has(name)) isBreakOwed = true;
    },
    onclosetag(name) {
      consumed = Math.max(consumed, parser.endIndex + 1);
      if (HIDDEN.has(name)) hiddenDepth -= 1;
      if (BREAKING.has(name)) isBreakOwed = true;
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
  // A "<" near the end that no ">" follows was no tag but a sign in plain text.
  return /^<[a-z/]/i.test(unfinished) && hiddenDepth === 0 ? text + unfinished : text;
}
