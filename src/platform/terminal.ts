import { fstatSync, writeSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { systemErrorCode } from "../domain/errors.js";

export interface Io {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output & NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Handles SIGINT and SIGTERM, and a SIGHUP, of a closed terminal. Returns the unsubscribe function. */
  onInterrupt(handler: () => void): () => void;
  /** A second Ctrl-C calls it. */
  exitNow(code: number): void;
  /** `progress` replaces the line on stderr. */
  readonly progress?: { show(text: string): void; clear(): void };
}

export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** Only a write shows that the reader of a pipe has gone. */
  readonly isPipe?: boolean;
  readonly writable: boolean;
  write(data: string | Uint8Array, done?: (error?: Error | null) => void): boolean;
}

/** Resolves once what waits in a stream that flows was read. The turn may have looked at its inputs already, so it is the next one that does. */
export async function readWaiting(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

/** npx repeats the terminal's Ctrl-C within milliseconds. A key isn't pressed again this soon. */
const DUPLICATE_SIGNAL_MS = 50;

export function processIo(process: NodeJS.Process): Io {
  let stderr: Io["stderr"] | undefined;
  return {
    // stdin and stderr are opened when they are first used: opening one costs milliseconds.
    get stdin() {
      return process.stdin;
    },
    stdout: openStdout(process),
    get stderr() {
      stderr ??= withoutErrorEvents(process.stderr);
      return stderr;
    },
    env: process.env,
    onInterrupt(handler) {
      let receivedAt = Number.NEGATIVE_INFINITY;
      const onSignal = (): void => {
        const now = performance.now();
        if (now - receivedAt < DUPLICATE_SIGNAL_MS) return;
        receivedAt = now;
        handler();
      };
      let isHungUp = false;
      // The shell repeats it, at any time. It isn't a second Ctrl-C.
      const onHangup = (): void => {
        if (isHungUp) return;
        isHungUp = true;
        onSignal();
      };
      process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onHangup);
      return () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal).off("SIGHUP", onHangup);
    },
    exitNow: (code) => process.exit(code),
  };
}

const STDOUT_FD = 1;
/** An empty pipe takes as much at once, on every system. */
const PIPE_BYTES = 16_384;

function openStdout(process: NodeJS.Process): Output {
  const stat = fstatSync(STDOUT_FD);
  const openStream = (): Output => withoutErrorEvents(process.stdout);
  if (stat.isCharacterDevice() && process.stdout.isTTY) return openStream();
  return directOutput(stat.isFIFO() || stat.isSocket(), openStream);
}

/** An "error" event without a listener would end the process; the writer gets the failure. */
export function withoutErrorEvents<Stream extends NodeJS.WritableStream>(stream: Stream): Stream {
  return stream.on("error", () => {});
}

/**
 * Writes to stdout without Node's stream, which takes milliseconds to open and, for a file, ignores a short write, as on a full
 * disk.
 */
function directOutput(isPipe: boolean, openStream: () => Output): Output {
  let hasWritten = false;
  let stream: Output | null = null;
  return {
    isPipe,
    get writable() {
      return stream?.writable ?? true;
    },
    write(data, done) {
      let rest = Buffer.from(data);
      // A write that waits for the reader would stop everything else.
      if (isPipe && (hasWritten || rest.length > PIPE_BYTES)) stream ??= openStream();
      if (stream !== null) return stream.write(rest, done);
      hasWritten = true;
      try {
        while (rest.length > 0) rest = rest.subarray(writeSync(STDOUT_FD, rest));
      } catch (error) {
        if (systemErrorCode(error) === "EAGAIN") {
          // The pipe is full, and another process made it non-blocking: Node's stream waits.
          stream = openStream();
          return stream.write(rest, done);
        }
        done?.(error instanceof Error ? error : new Error(String(error)));
        return true;
      }
      done?.();
      return true;
    },
  };
}

const STOP_SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Removes the package's signal listeners: one that raises the signal again at exit would look like a second Ctrl-C. */
export async function withoutSignalListeners<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  const before = STOP_SIGNALS.map((signal) => ({ signal, listeners: new Set(process.listeners(signal)) }));
  const loaded = await load();
  for (const { signal, listeners } of before) {
    for (const listener of process.listeners(signal)) if (!listeners.has(listener)) process.off(signal, listener);
  }
  return loaded;
}
