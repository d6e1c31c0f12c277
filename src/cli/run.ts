import type { CliDeps } from "./cli-deps.js";
import { writeOutput } from "./output/screen.js";

/** Runs one command line (without "node whcb") and resolves to its exit code. Never rejects, never ends the process. */
export async function run(argv: readonly string[], deps: CliDeps): Promise<number> {
  const { stdout, stderr } = deps.io;
  // A failed write is reported to the writer; an "error" event without a listener would end the process.
  for (const stream of [stdout, stderr]) stream.on("error", () => {});
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    try {
      await writeOutput(stdout, `${deps.version}\n`);
      return 0;
    } catch {
      // The commands, which aren't loaded yet, meet the same error and report it.
    }
  }
  const { runCommand } = await import("./run-command.js");
  return runCommand(argv, deps);
}
