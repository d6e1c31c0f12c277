import type { CliDeps } from "./cli-deps.js";
import { writeOutput } from "./output/screen.js";
import { text } from "./output/screen-text.js";

/** `argv` without "node whcb". Never rejects, never ends the process. */
export async function run(argv: readonly string[], deps: CliDeps): Promise<number> {
  const { stdout, stderr } = deps.io;
  // An "error" event without a listener would end the process; the writer gets the failure.
  for (const stream of [stdout, stderr]) stream.on("error", () => {});
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    try {
      await writeOutput(stdout, text`${deps.version}\n`);
      return 0;
    } catch {
      // The command meets the same error and reports it.
    }
  }
  const { runCommand } = await import("./run-command.js");
  return runCommand(argv, deps);
}
