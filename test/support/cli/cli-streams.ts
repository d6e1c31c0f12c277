/** These in-memory streams for the command line can claim to be terminals. */
import { PassThrough, Writable } from "node:stream";
import type { Io } from "../../../src/platform/terminal.js";

export interface CapturedIo extends Io {
  readonly out: () => string;
  readonly err: () => string;
  /** Sends a Ctrl-C. */
  readonly interrupt: () => void;
  readonly exitedWith: () => number | null;
}

export interface IoOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** It is piped into stdin, in pieces if it is a list. With `canAsk`, each line of a text is typed once something is asked. */
  readonly stdin?: string | readonly Buffer[];
  /** stdout is a terminal of this many columns. */
  readonly columns?: number;
  /** stdin and stderr are terminals: questions are asked and answered from `stdin`. */
  readonly canAsk?: boolean;
}

export function captureIo(options: IoOptions = {}): CapturedIo {
  const out = new Capture(options.columns);
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  if (options.canAsk === true) stdin.isTTY = true;
  const { stdin: given = "", canAsk = false } = options;
  const answers = typeof given === "string" && canAsk ? given.split(/(?<=\n)/) : null;
  const err = new Capture(canAsk ? 100 : undefined, (text) => {
    const answer = /[:\]] $/.test(text) ? answers?.shift() : undefined;
    if (answer === undefined || answers === null) return;
    const isLast = answers.length === 0;
    setImmediate(() => (isLast ? stdin.end(answer) : stdin.write(answer)));
  });
  if (answers === null) {
    for (const piece of [given].flat()) stdin.write(piece);
    stdin.end();
  }
  const handlers = new Set<() => void>();
  let exited: number | null = null;
  return {
    stdin,
    stdout: out,
    stderr: err,
    env: { TZ: process.env.TZ, ...options.env },
    onInterrupt(handler) {
      handlers.add(handler);
      return () => void handlers.delete(handler);
    },
    exitNow(code) {
      exited ??= code;
    },
    out: () => out.text,
    err: () => err.text,
    interrupt() {
      for (const handler of [...handlers]) handler();
    },
    exitedWith: () => exited,
  };
}

class Capture extends Writable {
  text = "";
  readonly isTTY?: boolean;
  readonly columns?: number;

  readonly #onText: (text: string) => void;

  constructor(columns: number | undefined, onText: (text: string) => void = () => undefined) {
    super({ decodeStrings: false });
    this.#onText = onText;
    if (columns === undefined) return;
    this.isTTY = true;
    this.columns = columns;
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.text += String(chunk);
    this.#onText(String(chunk));
    done();
  }
}
