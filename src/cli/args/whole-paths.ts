import { resolve } from "node:path";
import { beforeDashes, withFlags } from "../../domain/command-line.js";
import { databaseFile } from "../settings/database-path.js";
import { flagName, type NamedFlags, type ParsedArgs } from "./flag.js";
import { DATABASE, SERVICE } from "./shared-flags.js";

/** A line that is printed may be typed in another folder. `service` is the typed one as it is named from any folder. */
export function withWholePaths(
  argv: readonly string[],
  flags: NamedFlags,
  args: ParsedArgs,
  service: string | undefined,
): readonly string[] {
  let line = service === undefined ? argv : withFlagValue(argv, flagName(SERVICE.syntax), service);
  for (const flag of Object.values(flags)) {
    const typed = /<(file|dir)>$/.test(flag.syntax) ? args.get(flag) : undefined;
    if (typeof typed !== "string" || typed === "-") continue;
    const whole = flag === DATABASE ? databaseFile(typed) : resolve(typed);
    if (whole !== null) line = withFlagValue(line, flagName(flag.syntax), whole);
  }
  return line;
}

/** Gives a flag this value, whatever was typed. */
export function withFlagValue(argv: readonly string[], flag: string, value: string): readonly string[] {
  const at = beforeDashes(argv).findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  if (at === -1) return withFlags(argv, [flag, value]);
  return argv.toSpliced(at, argv[at] === flag ? 2 : 1, flag, value);
}
