/** The setting removeHTML keeps every character of the text. */
import type * as HtmlParser from "htmlparser2";

const MARKUP = /<[a-z!/?]|&(?:#\d+|#x[\da-f]+|\w+);/i;
const BREAKING = new Set("p div li tr h1 h2 h3 h4 h5 h6 blockquote pre ul ol table section article header footer".split(" "));
const HIDDEN = new Set(["script", "style", "title", "template", "noscript"]);

/** `htmlParser` is loaded on first use, as most commands never need it. */
let htmlParser: typeof HtmlParser | null = null;

export function loadHtmlParser(): typeof HtmlParser {
  const { createRequire } = process.getBuiltinModule("node:module");
  htmlParser ??= createRequire(import.meta.filename)("htmlparser2") as typeof HtmlParser;
  return htmlParser;
}

/** `<br>` and block ends become one newline if text follows. A `<` that opens no tag stays: "5 < 6". Takes linear time. */
export function removeHtml(content: string): string {
  return MARKUP.test(content) ? new TextOfHtml(content).read() : content;
}

/** A tokenizer keeps no stack of open tags, of which anyone may send a million. */
class TextOfHtml implements HtmlParser.TokenizerCallbacks {
  readonly #content: string;
  readonly #parts: string[] = [];
  #isBreakPending = false;
  #openTag = "";
  #hidden = "";
  #hiddenDepth = 0;
  #consumed = 0;

  constructor(content: string) {
    this.#content = content;
  }

  read(): string {
    const tokenizer = new (loadHtmlParser().Tokenizer)({}, this);
    tokenizer.write(this.#content);
    const unfinished = this.#content.slice(this.#consumed);
    tokenizer.end();
    // Without a ">" it isn't a tag.
    if (/^<[a-z/]/i.test(unfinished) && this.#hiddenDepth === 0) this.#parts.push(unfinished);
    return this.#parts.join("");
  }

  ontext(start: number, end: number): void {
    this.#consumed = end;
    this.#add(this.#content.slice(start, end));
  }

  ontextentity(codePoint: number, end: number): void {
    this.#consumed = end;
    this.#add(String.fromCodePoint(codePoint));
  }

  oncdata(_start: number, end: number, endOffset: number): void {
    this.#consumed = end + endOffset;
  }

  oncomment(_start: number, end: number): void {
    this.#consumed = end + 1;
  }

  ondeclaration(_start: number, end: number): void {
    this.#consumed = end + 1;
  }

  onprocessinginstruction(_start: number, end: number): void {
    this.#consumed = end + 1;
  }

  onopentagname(start: number, end: number): void {
    this.#openTag = this.#content.slice(start, end).toLowerCase();
  }

  onopentagend(end: number): void {
    this.#consumed = end + 1;
    const name = this.#openTag;
    if (HIDDEN.has(name) && (this.#hiddenDepth === 0 || name === this.#hidden)) {
      this.#hidden = name;
      this.#hiddenDepth += 1;
    }
    if (name === "br") this.#parts.push("\n");
    if (BREAKING.has(name)) this.#isBreakPending = true;
  }

  onselfclosingtag(end: number): void {
    this.onopentagend(end);
  }

  onclosetag(start: number, end: number): void {
    this.#consumed = end + 1;
    const name = this.#content.slice(start, end).toLowerCase();
    if (this.#hiddenDepth > 0 && name === this.#hidden) this.#hiddenDepth -= 1;
    if (BREAKING.has(name)) this.#isBreakPending = true;
  }

  onattribname(): void {}
  onattribdata(): void {}
  onattribentity(): void {}
  onattribend(): void {}
  onend(): void {}

  #add(text: string): void {
    if (this.#hiddenDepth > 0 || text === "") return;
    const last = this.#parts.at(-1);
    if (this.#isBreakPending && last !== undefined && !last.endsWith("\n") && !/^\s*\n/.test(text)) this.#parts.push("\n");
    this.#isBreakPending = false;
    this.#parts.push(text);
  }
}
