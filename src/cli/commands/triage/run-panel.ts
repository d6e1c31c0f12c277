/** Runs a command of ours on a part of the screen: the same code, which takes the panel for its terminal. */
import { PassThrough, Writable } from "node:stream";
import type { Client } from "../../../client/client.js";
import type { Io, Output } from "../../../platform/terminal.js";
import type { CliDeps } from "../../cli-deps.js";
import { EXIT_INTERRUPTED } from "../../exit-codes.js";
import { runCommand } from "../../run-command.js";

export interface PanelListener {
  /** Escaped; `isData`: of stdout. */
  onLine(line: string, isData: boolean): void;
  /** null: answered. */
  onQuestion(question: string | null, isSecret: boolean): void;
  /** null: none. */
  onProgress(text: string | null): void;
  onRunStarted(runId: string): void;
}

export interface PanelRun {
  answer(text: string): void;
  /** As Ctrl-C in the command's own terminal. */
  interrupt(): void;
  readonly ended: Promise<number>;
}

export interface PanelParts {
  readonly deps: CliDeps;
  /** The one in use: requests of both keep within one rate. */
  readonly client: Client;
  readonly columns: number;
  /** Left out: the panel. */
  readonly stdout?: Output;
}

export function startInPanel(
  argv: readonly string[],
  { deps, client, columns, stdout }: PanelParts,
  listener: PanelListener,
): PanelRun {
  const interrupted = new Set<() => void>();
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  stdin.isTTY = true;
  const io: Io = {
    stdin,
    stdout: stdout ?? new PanelStream(columns, listener, true),
    stderr: new PanelStream(columns, listener, false),
    // Lines are wrapped, which colours would be in the way of.
    env: { ...deps.io.env, NO_COLOR: "1" },
    onInterrupt(handler) {
      interrupted.add(handler);
      return () => void interrupted.delete(handler);
    },
    exitNow: (code) => deps.io.exitNow(code),
    progress: { show: (text) => listener.onProgress(text), clear: () => listener.onProgress(null) },
  };
  const ended = runCommand(argv, {
    ...deps,
    io,
    openClient: async () => ({ ...client, close: async () => undefined }),
    onRunStarted: (runId) => listener.onRunStarted(runId),
  });
  return {
    answer(text) {
      listener.onQuestion(null, false);
      stdin.write(`${text}\n`);
    },
    interrupt() {
      // Without a handler Ctrl-C ends a command.
      if (interrupted.size === 0) deps.io.exitNow(EXIT_INTERRUPTED);
      for (const handler of [...interrupted]) handler();
    },
    ended,
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
