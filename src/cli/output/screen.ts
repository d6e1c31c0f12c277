/** Where a command's answer goes: data on stdout, everything else on stderr. */
import type { Io, Output } from "../../platform/terminal.js";
import type { OutputFormat } from "../args/output-flags.js";
import { loadPalette, type Palette, wantsColor } from "./palette.js";
import type { RenderOptions } from "./render-options.js";
import { sanitizeLines } from "./sanitize.js";

export interface Screen {
  readonly renderOptions: RenderOptions;
  /** For stderr, which may be a terminal where stdout is none. */
  readonly errPalette: Palette;
  /** "tsv": a table that isn't written to a terminal. */
  readonly format: OutputFormat | "tsv";
  /** Whether a person can be asked: stdin and stderr are terminals. */
  readonly canAsk: boolean;
  /** Whether stderr can be animated. */
  readonly canAnimate: boolean;
  /** Writes data. Resolves when the stream has taken it; throws `OutputClosed` once nobody reads any more. */
  out(text: string): Promise<void>;
  /** A line for the person: harmless, and never mixed with data. */
  info(text: string, paint?: (text: string) => string): void;
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
    // A terminal that doesn't tell its width (0) would make a spinner rub out lines without end.
    canAnimate: stderrIsTerminal && env.TERM !== "dumb" && "cursorTo" in stderr && (stderr.columns ?? 0) > 0,
    out: (text) => write(stdout, text),
    info: (text, paint = (plain) => plain) => void stderr.write(`${paint(sanitizeLines(text))}\n`),
  };
}

function write(stream: Output, text: string): Promise<void> {
  if (text === "") return Promise.resolve();
  if (!stream.writable) return Promise.reject(new OutputClosed("output closed"));
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(new OutputClosed("output closed", { cause: error })) : resolve()));
  });
}
