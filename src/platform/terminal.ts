/** What the command line needs of the process: streams, environment, signals. */
import { fstatSync, writeSync } from "node:fs";
import process from "node:process";
import { Writable } from "node:stream";

export interface Io {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires on SIGINT and SIGTERM; returns the function that stops listening. */
  onInterrupt(handler: () => void): () => void;
  /** Ends the process immediately: for a second Ctrl-C. */
  exitNow(code: number): void;
}

export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** npx passes on the Ctrl-C that the terminal has already sent to us: a second signal this soon is the same key press. */
const DUPLICATE_SIGNAL_MS = 200;

export function processIo(process: NodeJS.Process): Io {
  return {
    stdin: process.stdin,
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

/** Writes to a file until all of it is written: Node's own stream ignores a short write, as on a disk that is filling up. */
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

/**
 * Loads a package and removes the listeners that it added to the signals that stop us. A package that cleans up at exit raises
 * the signal again afterwards, which a service that is stopping takes for a second Ctrl-C.
 */
export async function withoutSignalListeners<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  const before = STOP_SIGNALS.map((signal) => ({ signal, listeners: new Set(process.listeners(signal)) }));
  const loaded = await load();
  for (const { signal, listeners } of before) {
    for (const listener of process.listeners(signal)) if (!listeners.has(listener)) process.off(signal, listener);
  }
  return loaded;
}
