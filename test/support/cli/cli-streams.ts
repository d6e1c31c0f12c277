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
  /** It is piped into stdin, in pieces if it is a list. */
  readonly stdin?: string | readonly Buffer[];
  /** stdout is a terminal of this many columns. */
  readonly columns?: number;
  /** stdin and stderr are terminals: questions are asked and answered from `stdin`. */
  readonly canAsk?: boolean;
}

export function captureIo(options: IoOptions = {}): CapturedIo {
  const out = new Capture(options.columns);
  const err = new Capture(options.canAsk === true ? 100 : undefined);
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  if (options.canAsk === true) stdin.isTTY = true;
  for (const piece of [options.stdin ?? ""].flat()) stdin.write(piece);
  stdin.end();
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

  constructor(columns: number | undefined) {
    super({ decodeStrings: false });
    if (columns === undefined) return;
    this.isTTY = true;
    this.columns = columns;
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.text += String(chunk);
    done();
  }
}
