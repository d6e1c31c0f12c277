import type { ParsedArgs } from "./args/parsed-args.js";
import type { CliDeps } from "./cli-deps.js";
import type { WordNode } from "./commands/completion/word-node.js";
import type { Screen } from "./output/screen.js";

/** One command as it was typed, with all that its handler may use. */
export interface Invocation {
  readonly deps: CliDeps;
  readonly args: ParsedArgs;
  readonly screen: Screen;
  /** "whcb replay", as typed to get here: for messages that name a command to type. */
  readonly path: string;
  /** All of the command line, for "type this again with --yes". */
  readonly argv: readonly string[];
  /** What can be typed after what, made from the declarations of all commands. */
  readonly completionWords: () => Promise<readonly WordNode[]>;
}
