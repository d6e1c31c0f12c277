import { fstatSync, writeSync } from "node:fs";
import process from "node:process";
import { Writable } from "node:stream";

export interface Io {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** SIGINT and SIGTERM; returns the unsubscribe function. */
  onInterrupt(handler: () => void): () => void;
  /** For a second Ctrl-C. */
  exitNow(code: number): void;
}

export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** npx repeats the terminal's Ctrl-C: a second one this soon is the same. */
const DUPLICATE_SIGNAL_MS = 200;

export function processIo(process: NodeJS.Process): Io {
  return {
    // Opened when it is first read: opening it costs milliseconds.
    get stdin() {
      return process.stdin;
    },
    stdout: isFile(process.stdout.fd, process.stdout.isTTY) ? fileOutput(process.stdout.fd) : process.stdout,
    stderr: process.stderr,
    env: process.env,
    onInterrupt(handler) {
      let receivedAt = Number.NEGATIVE_INFINITY;
      const onSignal = (): void => {
        const now = performance.now();
        const isDuplicate = now - receivedAt < DUPLICATE_SIGNAL_MS;
        receivedAt = now;
        if (!isDuplicate) handler();
      };
      process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
      return () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    },
    exitNow: (code) => process.exit(code),
  };
}

function isFile(fd: number, isTTY: boolean): boolean {
  const stat = fstatSync(fd);
  return stat.isFile() || (stat.isCharacterDevice() && !isTTY);
}

/** Node's stream ignores a short write, as on a full disk. */
function fileOutput(fd: number): Output {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        for (let offset = 0; offset < chunk.length; ) offset += writeSync(fd, chunk, offset);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
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
