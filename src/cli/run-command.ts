/** parse -> handler -> exit code, and the one place where an error becomes args. */
import type { Output } from "../platform/terminal.js";
import { NO_COLOR, UTC } from "./args/global-flags.js";
import { OUTPUT } from "./args/output-flags.js";
import { parseArgv } from "./args/parse-argv.js";
import { ParsedArgs } from "./args/parsed-args.js";
import type { CliDeps } from "./cli-deps.js";
import { SECTIONS } from "./commands/all.js";
import type { WordNode } from "./commands/completion/word-node.js";
import { EXIT_CODES, EXIT_DONE } from "./exit-codes.js";
import { loadPalette, wantsColor } from "./output/palette.js";
import { exitCodeOf, renderError } from "./output/render-error.js";
import { OutputClosed, openScreen } from "./output/screen.js";

export async function runCommand(argv: readonly string[], deps: CliDeps): Promise<number> {
  const { io } = deps;
  ignoreClosedPipe(io.stdout);
  ignoreClosedPipe(io.stderr);
  try {
    return await parseAndRun(argv, deps);
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT_DONE;
    const palette = await loadPalette(wantsColor(io.stderr, io.env, argv.includes("--no-color")));
    io.stderr.write(renderError(error, { json: wantsJson(argv), palette }));
    return exitCodeOf(error);
  }
}

async function parseAndRun(argv: readonly string[], deps: CliDeps): Promise<number> {
  const { io } = deps;
  const parsed = parseArgv(argv, SECTIONS, io.stdout.isTTY === true ? io.stdout.columns || 80 : 100);
  if (parsed.kind === "help") {
    io.stdout.write(parsed.text);
    return EXIT_DONE;
  }
  if (parsed.kind === "incomplete") {
    io.stderr.write(parsed.text);
    return EXIT_CODES.usage;
  }
  const now = deps.clock.now();
  const utc = parsed.raw.utc === true;
  const args = new ParsedArgs(parsed.operands, parsed.raw, { now, utc });
  // Every value is read before anything is done, so that a slip of the pen costs nothing.
  for (const flag of parsed.spec.flags) args.get(flag);
  const screen = await openScreen(io, { format: args.get(OUTPUT), noColor: args.get(NO_COLOR), utc: args.get(UTC), now });
  const { run } = await parsed.spec.load();
  return run({ deps, args, screen, path: parsed.path, argv, completionWords });
}

/** Errors are JSON where the output was asked to be, even if the rest of the line can't be read. */
function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (word, index) =>
      /^(-o|--output)=?(nd)?json$/.test(word) || (/^(-o|--output)$/.test(word) && /^(nd)?json$/.test(argv[index + 1] ?? "")),
  );
}

function ignoreClosedPipe(stream: Output): void {
  stream.on("error", () => {});
}

async function completionWords(): Promise<readonly WordNode[]> {
  return (await import("./commands/completion/word-tree.js")).wordTree(SECTIONS);
}
