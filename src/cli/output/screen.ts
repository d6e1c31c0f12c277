/** Data is written to stdout, the rest to stderr. */
import { errorMessage, systemErrorCode, WhcbError } from "../../domain/errors.js";
import type { Io, Output } from "../../platform/terminal.js";
import type { OutputFormat } from "../args/shared-flags.js";
import { layoutText, type Printable, type ScreenText, text } from "./screen-text.js";
import { wrapMessage } from "./wrap-message.js";

export interface Screen {
  readonly renderOptions: RenderOptions;
  /** `errPalette` is for stderr, which may be a terminal when stdout isn't. */
  readonly errPalette: Palette;
  /** "tsv" is a table that isn't written to a terminal. */
  readonly format: OutputFormat | "tsv";
  /** JSON documents and items have these members; null means all. */
  readonly jsonFields: readonly string[] | null;
  /** `canAsk` is true if stdin and stderr are terminals. */
  readonly canAsk: boolean;
  readonly canAnimate: boolean;
  out(text: ScreenText): Promise<void>;
  /** Writes to stderr, with a line end. */
  info(text: Printable): void;
}

export interface TimeOptions {
  readonly utc: boolean;
  readonly now: number;
}

export interface RenderOptions extends TimeOptions {
  readonly palette: Palette;
  /** `width` is the terminal's width, or null if stdout isn't one. */
  readonly width: number | null;
  /** `--profile` and `--service`, as the line or the environment gives them: a suggested command needs them too. */
  readonly serviceFlags: readonly string[];
  /** `--allow-network` and `--egress-proxy` as they were given: a run that is resumed needs it too. */
  readonly networkFlags?: readonly string[];
}

/** The reader has gone (`| head`), so the command ends quietly. */
export class OutputClosed extends Error {}

export interface ScreenChoices extends FormatChoice, TimeOptions {
  readonly noColor: boolean;
  readonly serviceFlags?: readonly string[];
  readonly networkFlags?: readonly string[];
}

export interface FormatChoice {
  readonly format: OutputFormat | undefined;
  readonly jsonFields?: readonly string[];
}

export async function openScreen(io: Io, choices: ScreenChoices): Promise<Screen> {
  const { stdout, stderr, env } = io;
  const isTerminal = stdout.isTTY === true;
  const stderrIsTerminal = stderr.isTTY === true;
  const format = choices.format ?? "table";
  return {
    renderOptions: {
      palette: await loadPalette(wantsColor(stdout, env, choices.noColor)),
      width: isTerminal ? stdout.columns || 80 : null,
      get utc() {
        return choices.utc;
      },
      now: choices.now,
      serviceFlags: choices.serviceFlags ?? [],
      networkFlags: choices.networkFlags ?? [],
    },
    errPalette: await loadPalette(wantsColor(stderr, env, choices.noColor)),
    format: format === "table" && !isTerminal ? "tsv" : format,
    canAsk: stderrIsTerminal && io.stdin.isTTY === true,
    jsonFields: choices.jsonFields ?? null,
    // A spinner erases lines without end at a reported width of 0.
    canAnimate: stderrIsTerminal && !isPlain(env) && env.TERM !== "dumb" && "cursorTo" in stderr && (stderr.columns ?? 0) > 0,
    out: (output) => writeOutput(stdout, output),
    info: (message) => notify(stderr, text`${message}\n`),
  };
}

/** Writes to stderr, where a failure isn't reported. */
export function notify(stream: Output, message: ScreenText): void {
  const written = message.toString();
  stream.write(stream.isTTY === true && stream.columns ? wrapMessage(written, stream.columns) : written);
}

/** `failures` has the first failure per stream; later writes fail only as closed. */
const failures = new WeakMap<Output, WhcbError>();

/** Throws the first failure, for writes that weren't awaited. */
export function requireWritten(stream: Output): void {
  const failure = failures.get(stream);
  if (failure !== undefined) throw failure;
}

/** Resolves when written. Throws `OutputClosed` if the reader has gone, `unavailable` if it failed. */
export async function writeOutput(stream: Output, output: ScreenText): Promise<void> {
  const written = output.toString();
  if (written === "") return;
  requireWritten(stream);
  if (!stream.writable) throw new OutputClosed("output closed");
  try {
    await new Promise<void>((resolve, reject) => {
      stream.write(written, (error) => (error ? reject(error) : resolve()));
    });
  } catch (error) {
    throw outputFailure(stream, error);
  }
}

/** Keeps what failed, for `requireWritten`. */
export function outputFailure(stream: Output, error: unknown): OutputClosed | WhcbError {
  if (systemErrorCode(error) === "EPIPE") return new OutputClosed("output closed", { cause: error });
  const failed = new WhcbError("unavailable", `the output can't be written: ${errorMessage(error)}`, { cause: error });
  failures.set(stream, failed);
  return failed;
}

export interface Palette {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly dim: Paint;
  readonly strong: Paint;
}

export type Paint = (value: Printable) => ScreenText;

const plain: Paint = (value) => text`${value}`;

export const PLAIN: Palette = { good: plain, bad: plain, warn: plain, dim: plain, strong: plain };

/** chalk is loaded only for colour. */
export async function loadPalette(hasColor: boolean): Promise<Palette> {
  if (!hasColor) return PLAIN;
  const { Chalk } = await import("chalk");
  const { green, red, yellow, dim, bold } = new Chalk({ level: 1 });
  const paint =
    (style: (value: string) => string): Paint =>
    (value) =>
      layoutText(style(plain(value).toString()));
  return { good: paint(green), bad: paint(red), warn: paint(yellow), dim: paint(dim), strong: paint(bold) };
}

/** A screen reader, for example, reads lines in the order in which they are written. */
export function isPlain({ ACCESSIBLE = "" }: Io["env"]): boolean {
  return ACCESSIBLE !== "" && ACCESSIBLE !== "0" && ACCESSIBLE !== "false";
}

/** --no-color, NO_COLOR and TERM=dumb turn colour off, FORCE_COLOR (except "0", "false") on. Otherwise a terminal has it. */
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
