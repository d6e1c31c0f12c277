/** Runs a command of ours on a part of the screen: the same code, which takes the panel for its terminal. */
import { PassThrough, Writable } from "node:stream";
import type { Io, Output } from "../../../platform/terminal.js";
import type { Invocation } from "../../args/command-spec.js";
import type { CliDeps } from "../../cli-deps.js";
import { EXIT_INTERRUPTED } from "../../exit-codes.js";

export interface PanelListener {
  /** The line is escaped. `isData` is true for stdout. */
  onLine(line: string, isData: boolean): void;
  /** null says that it was answered. */
  onQuestion(question: string | null, isSecret: boolean): void;
  /** null says that there is none. */
  onProgress(text: string | null): void;
  onRunStarted(runId: string): void;
}

export interface PanelRun {
  answer(text: string): void;
  /** `interrupt` does what Ctrl-C does in the command's own terminal. Before its run has begun, the command is given up. */
  interrupt(): void;
  /** `ended` resolves when the command has ended or was given up. */
  readonly ended: Promise<number>;
  /** `finished` resolves when nothing of the command runs any longer. */
  readonly finished: Promise<number>;
}

export interface PanelParts {
  readonly deps: CliDeps;
  readonly runCommand: Invocation["runCommand"];
  readonly columns: number;
  /** Default: the panel. */
  readonly stdout?: Output;
}

export function startInPanel(
  argv: readonly string[],
  { deps, runCommand, columns, stdout }: PanelParts,
  listener: PanelListener,
): PanelRun {
  const interrupted = new Set<() => void>();
  let isGivenUp = false;
  let giveUp: (code: number) => void = () => undefined;
  const givenUp = new Promise<number>((resolve) => {
    giveUp = resolve;
  });
  const shownOutput = new PanelStream(columns, listener, true);
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  stdin.isTTY = true;
  const io: Io = {
    stdin,
    stdout: stdout ?? shownOutput,
    stderr: new PanelStream(columns, listener, false),
    // Lines are wrapped, which colours would be in the way of.
    env: { ...deps.io.env, NO_COLOR: "1" },
    onInterrupt(handler) {
      interrupted.add(handler);
      // A run that begins after all ends at once, in order.
      if (isGivenUp) queueMicrotask(handler);
      return () => void interrupted.delete(handler);
    },
    exitNow: (code) => deps.io.exitNow(code),
    progress: { show: (text) => listener.onProgress(text), clear: () => listener.onProgress(null) },
  };
  const finished = runCommand(argv, {
    ...deps,
    io,
    onRunStarted: (runId) => listener.onRunStarted(runId),
  });
  return {
    answer(text) {
      listener.onQuestion(null, false);
      stdin.write(`${text}\n`);
    },
    interrupt() {
      if (interrupted.size > 0) {
        for (const handler of [...interrupted]) handler();
        return;
      }
      // What it asks for now is no longer answered, and what it prints has no reader.
      isGivenUp = true;
      stdin.end();
      shownOutput.end();
      giveUp(EXIT_INTERRUPTED);
    },
    ended: Promise.race([finished, givenUp]),
    finished,
  };
}

class PanelStream extends Writable {
  readonly isTTY = true;
  readonly columns: number;
  readonly #listener: PanelListener;
  readonly #isData: boolean;
  #rest = "";

  constructor(columns: number, listener: PanelListener, isData: boolean) {
    super({ decodeStrings: false });
    this.columns = columns;
    this.#listener = listener;
    this.#isData = isData;
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    const lines = (this.#rest + String(chunk)).replaceAll("\r", "").split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#listener.onLine(line, this.#isData);
    // Only a question waits at the end of its line (output/questions.ts).
    if (/[:\]?] $/.test(this.#rest)) this.#listener.onQuestion(this.#rest, !this.#rest.endsWith("] "));
    done();
  }
}
