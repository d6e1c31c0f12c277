import type { CliDeps } from "./cli-deps.js";

/** Runs one command line (without "node whcb") and resolves to its exit code. Never rejects, never ends the process. */
export async function run(argv: readonly string[], deps: CliDeps): Promise<number> {
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    deps.io.stdout.write(`${deps.version}\n`);
    return 0;
  }
  const { runCommand } = await import("./run-command.js");
  return runCommand(argv, deps);
}
