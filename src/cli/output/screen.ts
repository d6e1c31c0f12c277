/** A command's output: data on stdout, everything else on stderr. */
import { errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";
import type { Io, Output } from "../../platform/terminal.js";
import type { OutputFormat } from "../args/shared-flags.js";
import { sanitizeLines } from "./sanitize.js";

export interface Screen {
  readonly renderOptions: RenderOptions;
  /** For stderr, which may be a terminal when stdout isn't. */
  readonly errPalette: Palette;
  /** "tsv": a table that isn't written to a terminal. */
  readonly format: OutputFormat | "tsv";
  /** Whether questions can be asked: stdin and stderr are terminals. */
  readonly canAsk: boolean;
  /** Whether stderr can be animated. */
  readonly canAnimate: boolean;
  /** Writes data, as `writeOutput` does. */
  out(text: string): Promise<void>;
  /** Writes a line to stderr, sanitized. */
  info(text: string, paint?: (text: string) => string): void;
}

/** Everything but the data that a rendering depends on. */
export interface RenderOptions {
  readonly palette: Palette;
  /** Display columns of the terminal; null: stdout isn't one. */
  readonly width: number | null;
  readonly utc: boolean;
  readonly now: number;
}

/** The reader of stdout has gone (`| head`): the command ends quietly. */
export class OutputClosed extends Error {}

export async function openScreen(
  io: Io,
  choices: { readonly format: OutputFormat | undefined; readonly noColor: boolean; readonly utc: boolean; readonly now: number },
): Promise<Screen> {
  const { stdout, stderr, env } = io;
  const isTerminal = stdout.isTTY === true;
  const stderrIsTerminal = stderr.isTTY === true;
  const format = choices.format ?? "table";
  return {
    renderOptions: {
      palette: await loadPalette(wantsColor(stdout, env, choices.noColor)),
      width: isTerminal ? stdout.columns || 80 : null,
      utc: choices.utc,
      now: choices.now,
    },
    errPalette: await loadPalette(wantsColor(stderr, env, choices.noColor)),
    format: format === "table" && !isTerminal ? "tsv" : format,
    canAsk: io.stdin.isTTY === true && stderrIsTerminal,
    // On a terminal that reports a width of 0, a spinner would erase lines without end.
    canAnimate: stderrIsTerminal && env.TERM !== "dumb" && "cursorTo" in stderr && (stderr.columns ?? 0) > 0,
    out: (text) => writeOutput(stdout, text),
    info: (text, paint = (plain) => plain) => void stderr.write(`${paint(sanitizeLines(text))}\n`),
  };
}

/** The first failure of each stream; a stream that has failed reports later writes only as closed. */
const failures = new WeakMap<Output, WhcbError>();

/** Throws the first failure of the stream, if there was one: for writes that nobody waited for. */
export function requireWritten(stream: Output): void {
  const failure = failures.get(stream);
  if (failure !== undefined) throw failure;
}

/** Resolves when the stream has taken the text. Throws `OutputClosed` if the reader has gone, `unavailable` if the write failed. */
export async function writeOutput(stream: Output, text: string): Promise<void> {
  if (text === "") return;
  requireWritten(stream);
  if (!stream.writable) throw new OutputClosed("output closed");
  try {
    await new Promise<void>((resolve, reject) => {
      stream.write(text, (error) => (error ? reject(error) : resolve()));
    });
  } catch (error) {
    if (systemErrorCode(error) === "EPIPE") throw new OutputClosed("output closed", { cause: error });
    const failed = new WhcbError("unavailable", `the output can't be written: ${errorMessage(error)}`, { cause: error });
    failures.set(stream, failed);
    throw failed;
  }
}

/** Colours by what they mean. */
export interface Palette {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly dim: Paint;
  readonly strong: Paint;
}

type Paint = (text: string) => string;

const plain: Paint = (text) => text;

export const PLAIN: Palette = { good: plain, bad: plain, warn: plain, dim: plain, strong: plain };

/** chalk is loaded only for colour. */
export async function loadPalette(color: boolean): Promise<Palette> {
  if (!color) return PLAIN;
  const { Chalk } = await import("chalk");
  const chalk = new Chalk({ level: 1 });
  return { good: chalk.green, bad: chalk.red, warn: chalk.yellow, dim: chalk.dim, strong: chalk.bold };
}

/** --no-color, NO_COLOR and TERM=dumb switch colour off, FORCE_COLOR (except "0" and "false") on; else a terminal has it. */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  noColorFlag: boolean,
): boolean {
  if (noColorFlag || (env.NO_COLOR ?? "") !== "") return false;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  return stream.isTTY === true && env.TERM !== "dumb";
}
