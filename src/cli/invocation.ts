import type { ParsedArgs } from "./args/flag.js";
import type { CliDeps } from "./cli-deps.js";
import type { Screen } from "./output/screen.js";

/** One command line, with everything that its handler may use. */
export interface Invocation {
  readonly deps: CliDeps;
  readonly args: ParsedArgs;
  readonly screen: Screen;
  /** The command's full name, such as "whcb replay". */
  readonly path: string;
  /** The whole command line, for "type this again with --yes". */
  readonly argv: readonly string[];
}
