/** The streams and the facts about them that the command line needs, handed in. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires on SIGINT and SIGTERM; returns the function that stops listening. */
  onInterrupt(handler: () => void): () => void;
  /** Ends the process at once with this code: a second Ctrl-C. */
  exitNow(code: number): void;
}

export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** A terminal's Ctrl-C reaches npx and us both, and npx hands it on to us: what comes this soon is the same one. */
const ECHO_MS = 200;

export function processIo(process: NodeJS.Process): Io {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onInterrupt(handler) {
      let heardAt = Number.NEGATIVE_INFINITY;
      const hear = (): void => {
        const now = performance.now();
        const isEcho = now - heardAt < ECHO_MS;
        heardAt = now;
        if (!isEcho) handler();
      };
      process.on("SIGINT", hear).on("SIGTERM", hear);
      return () => void process.off("SIGINT", hear).off("SIGTERM", hear);
    },
    exitNow: (code) => process.exit(code),
  };
}
