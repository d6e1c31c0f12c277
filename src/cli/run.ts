import type { Output } from "../platform/terminal.js";
import type { CliDeps } from "./cli-deps.js";

/** Takes `argv` without "node whcb". Never rejects, never ends the process. */
export async function run(argv: readonly string[], deps: CliDeps): Promise<number> {
  const { stdout } = deps.io;
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    // The version is written at once: a command loads ten times as much. If this fails, the command reports it.
    const error = await write(stdout, `${deps.version}\n`);
    if (error === null) return 0;
    const { outputFailure } = await import("./output/screen.js");
    outputFailure(stdout, error);
  }
  if (argv[0] === "__complete") {
    const { completeLine } = await import("./commands/completion/complete.js");
    return completeLine(argv.slice(1), deps);
  }
  const { runCommand } = await import("./run-command.js");
  return runCommand(argv, deps);
}

function write(stream: Output, text: string): Promise<Error | null> {
  return new Promise((resolve) => stream.write(text, (error) => resolve(error ?? null)));
}
