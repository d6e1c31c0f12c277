/** Questions are asked on stderr, only if stdin and stderr are terminals. Every bulk write asks first. */
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { repeatedLine, urlVariableOf } from "../../domain/command-line.js";
import { WhcbError } from "../../domain/errors.js";
import { type Io, readWaiting } from "../../platform/terminal.js";
import type { Invocation } from "../args/command-spec.js";
import { flag } from "../args/flag.js";
import { EXIT_INTERRUPTED } from "../exit-codes.js";
import { isPlain, notify } from "./screen.js";
import { type Printable, text } from "./screen-text.js";

export const YES = flag("-y, --yes", "don't ask");

/** Throws `usage` if nobody can be asked and --yes is missing. */
export async function confirm(invocation: Invocation, question: Printable): Promise<boolean> {
  if (invocation.args.get(YES)) return true;
  if (!canAsk(invocation)) throw needsYes(invocation, question);
  // The leases of a run are renewed meanwhile.
  using _held = invocation.progress.hold();
  if (await askYesNo(invocation.deps.io, question)) return true;
  invocation.screen.info("nothing was done");
  return false;
}

export function canAsk(invocation: Invocation): boolean {
  return invocation.screen.canAsk && !isPiped(invocation);
}

function isPiped({ argv }: Invocation): boolean {
  return argv.some((word) => /^(--[\w-]+=)?-$/.test(word));
}

function needsYes(invocation: Invocation, question: Printable): WhcbError {
  const { argv, screen } = invocation;
  const command = repeatedLine(argv, "--yes");
  const variable = urlVariableOf(command);
  const first = variable === null ? "" : `set ${variable} to that URL, then `;
  const when = `to continue${variable === null ? "" : `, with ${variable} set to that URL`}${isPiped(invocation) ? ", after the pipe" : ""}`;
  const isJson = screen.format === "json" || screen.format === "ndjson";
  if (!isJson) screen.info(question);
  const message = `confirmation needed: add --yes${isJson ? `; ${stripVTControlCharacters(String(question))}` : ""}`;
  const hint = `to continue, ${first}type${isPiped(invocation) ? " after the pipe" : ""}: ${command}`;
  return new WhcbError("usage", message, { hint, next: [{ command, when }] });
}

/** Only y or yes is yes; end of input is no. */
export async function askYesNo(io: Io, question: Printable): Promise<boolean> {
  return /^y(es)?$/i.test((await askText(io, text`${question} [y/N]`)).trim());
}

export async function askText(io: Io, question: Printable): Promise<string> {
  return ask(io, question, false);
}

export async function askSecret(io: Io, question: Printable): Promise<string> {
  return ask(io, question, true);
}

const quietReaders = new WeakMap<Io["stdin"], LineReader>();

/**
 * Until it is disposed, the terminal shows only what is typed as an answer, and the lines of a paste answer one question each. Ctrl-C between
 * two questions ends the process.
 */
export function hideTyping(io: Io): Disposable {
  const reader = new LineReader(io, () => io.exitNow(EXIT_INTERRUPTED));
  quietReaders.set(io.stdin, reader);
  return {
    [Symbol.dispose]: () => {
      quietReaders.delete(io.stdin);
      reader.close();
    },
  };
}

/** By default, the reader is closed after each question, so that Ctrl-C is a signal again. */
async function ask(io: Io, question: Printable, isHidden: boolean): Promise<string> {
  const quiet = quietReaders.get(io.stdin);
  const reader = quiet ?? new LineReader(io, () => undefined);
  let isOnNextLine = false;
  try {
    const { line, isTyped } = await reader.read(isHidden, () => notify(io.stderr, text`${question} `));
    isOnNextLine = isTyped && !isHidden && io.stdin.isTTY === true;
    return line;
  } finally {
    if (quiet === undefined) reader.close();
    if (!isOnNextLine) notify(io.stderr, text`\n`);
  }
}

class LineReader {
  readonly #reader: Interface;
  readonly #ended: Promise<false>;
  readonly #lines: string[] = [];
  #isEchoing = false;
  #isReading = false;
  #isFirst = true;

  constructor(io: Io, onInterrupt: () => void) {
    const output = new Writable({
      write: (chunk, _encoding, done) => {
        if (this.#isEchoing) io.stderr.write(isPlain(io.env) ? withoutCursor(String(chunk)) : chunk);
        done();
      },
    });
    this.#reader = createInterface({ input: io.stdin, output, terminal: io.stdin.isTTY === true });
    this.#ended = hasEnded(io.stdin) ? Promise.resolve(false) : once(this.#reader, "close").then(() => false);
    this.#reader.on("line", (line) => {
      this.#lines.push(line);
      // The rest of a paste may be a secret.
      this.#isEchoing = false;
    });
    this.#reader.on("SIGINT", () => {
      if (!this.#isReading) onInterrupt();
    });
  }

  /**
   * Returns the next line, or "" at the end. What was typed before the first question is no answer. If it is the beginning of a line, neither is
   * the rest of that, as far as it is shown: the question is then shown again. The terminal shows no typing by itself by then, as an answer may
   * be a secret.
   */
  async read(isHidden: boolean, showQuestion: () => void): Promise<{ readonly line: string; readonly isTyped: boolean }> {
    this.#isReading = true;
    const interrupted = once(this.#reader, "SIGINT").then(() => true);
    const isBegun = this.#isFirst && (await this.#dropTyped());
    this.#isFirst = false;
    try {
      for (let isAgain = isBegun && !isHidden; ; isAgain = false) {
        showQuestion();
        const [early] = this.#lines.splice(0, 1);
        if (early !== undefined) return { line: early, isTyped: false };
        this.#isEchoing = !isHidden;
        const line = once(this.#reader, "line").then(() => false);
        const isInterrupted = await Promise.race([line, this.#ended, interrupted]);
        this.#isEchoing = false;
        if (isInterrupted) throw new WhcbError("interrupted", "interrupted; nothing was done");
        const [typed] = this.#lines.splice(0, isAgain ? this.#lines.length : 1);
        if (!isAgain) return { line: typed ?? "", isTyped: typed !== undefined };
      }
    } finally {
      this.#isReading = false;
    }
  }

  /** Returns whether a line was begun. */
  async #dropTyped(): Promise<boolean> {
    await readWaiting();
    const isBegun = this.#reader.line !== "";
    Object.assign(this.#reader, { line: "", cursor: 0 });
    this.#lines.length = 0;
    return isBegun;
  }

  close(): void {
    this.#reader.close();
  }
}

/** A line that readline would write over the old one begins a new line. */
function withoutCursor(written: string): string {
  return stripVTControlCharacters(written.replaceAll("\u001b[1G", "\n"));
}

function hasEnded(stream: Io["stdin"]): boolean {
  return "readableEnded" in stream && stream.readableEnded === true;
}
