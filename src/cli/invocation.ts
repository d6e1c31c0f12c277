import type { ParsedArgs } from "./args/flag.js";
import type { CliDeps } from "./cli-deps.js";
import type { Screen } from "./output/screen.js";

export interface Invocation {
  readonly deps: CliDeps;
  readonly args: ParsedArgs;
  readonly screen: Screen;
  readonly path: string;
  /** For "type this again with --yes". */
  readonly argv: readonly string[];
}
