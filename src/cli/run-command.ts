import { readFileSync } from "node:fs";
import { withFlags } from "../domain/command-line.js";
import { WhcbError } from "../domain/errors.js";
import type { Io } from "../platform/terminal.js";
import type { CommandSpec } from "./args/command-spec.js";
import { ParsedArgs } from "./args/flag.js";
import { isJsonFlag } from "./args/json-flag.js";
import { findUnknownZone } from "./args/local-zone.js";
import { parseArgv } from "./args/parse-argv.js";
import { DATABASE, NO_COLOR, OUTPUT, PROFILE, SERVICE } from "./args/shared-flags.js";
import type { CliDeps } from "./cli-deps.js";
import { SECTIONS } from "./commands/all.js";
import { EXIT_CODES, EXIT_DONE } from "./exit-codes.js";
import { exitCodeOf, renderError } from "./output/render-error.js";
import {
  type FormatChoice,
  loadPalette,
  notify,
  OutputClosed,
  openScreen,
  requireWritten,
  type Screen,
  wantsColor,
  writeOutput,
} from "./output/screen.js";
import { layoutText, safeJson, text } from "./output/screen-text.js";
import { addressText, readServiceAddress } from "./settings/service-address.js";

export async function runCommand(argv: readonly string[], deps: CliDeps): Promise<number> {
  const { io } = deps;
  try {
    return await parseAndRun(argv, deps);
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT_DONE;
    const palette = await loadPalette(wantsColor(io.stderr, io.env, argv.includes("--no-color")));
    notify(io.stderr, renderError(error, { isJson: wantsJson(argv), palette }));
    return exitCodeOf(error);
  }
}

/** Windows has no such file. */
function readZoneFile(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}

async function parseAndRun(argv: readonly string[], given: CliDeps): Promise<number> {
  const { io } = given;
  if (argv[0] === "help" && argv.includes("--json")) {
    const { helpJson } = await import("./commands/help-json.js");
    const words = argv.slice(1).filter((word) => word !== "--json");
    await writeOutput(io.stdout, text`${safeJson(await helpJson(given.version, words), 2)}\n`);
    return EXIT_DONE;
  }
  const width = io.stdout.isTTY === true ? io.stdout.columns || 80 : 100;
  const parsed = await parseArgv(argv, SECTIONS, { version: given.version, width });
  if (parsed.kind === "text") {
    await writeOutput(io.stdout, layoutText(parsed.text));
    return EXIT_DONE;
  }
  if (parsed.kind === "incomplete") {
    notify(io.stderr, layoutText(parsed.text));
    return EXIT_CODES.usage;
  }
  const deps = parsed.raw.plain === true ? { ...given, io: plainIo(io) } : given;
  const now = deps.clock.now();
  const utc = parsed.raw.utc === true;
  let found: { readonly zone: string | null } | null = null;
  // Most commands need no local time, so its zone is compared when it is first read or shown.
  const unknownZone = () => {
    found ??= { zone: findUnknownZone({ env: io.env, now, readFile: readZoneFile }) };
    return found.zone;
  };
  const args = new ParsedArgs(parsed.operands, parsed.raw, { now, utc, unknownZone });
  // All values are read first: a typing error must have no effect.
  const values = args.read(parsed.spec.flags);
  const typedService = serviceOf(args.get(SERVICE));
  const typedFlags = serviceFlagsOf(args.get(PROFILE), typedService);
  const fromEnvironment = await flagsFromEnvironment(parsed.spec, args, io.env);
  const networkFlags = [
    ["--allow-network", parsed.raw.allowNetwork],
    ["--egress-proxy", parsed.raw.egressProxy],
  ].flatMap(([flag, given]) => [given ?? []].flat().flatMap((text) => [String(flag), String(text)]));
  const choices = {
    ...readFormat(parsed.spec, args),
    noColor: args.get(NO_COLOR),
    get utc() {
      return utc || unknownZone() !== null;
    },
    now,
    serviceFlags: [...typedFlags, ...fromEnvironment],
    networkFlags,
  };
  const opened = await openScreen(deps.io, choices);
  const { Progress } = await import("./output/progress-line.js");
  const progress = new Progress(deps.io, opened, deps.clock, deps.timers);
  const screen: Screen = {
    ...opened,
    out: (text) => progress.beside(() => opened.out(text)),
    info: (text) => progress.beside(() => opened.info(text)),
  };
  // The handler is in commands/<name>/run.ts, its spec and flags in command.ts beside it.
  const { run } = await parsed.spec.load();
  // Only a command that asks repeats its line.
  const paths = "yes" in parsed.spec.flags && (await import("./args/whole-paths.js"));
  const whole = paths ? paths.withWholePaths(argv, parsed.spec.flags, args, typedService) : argv;
  const repeated = withFlags(whole, fromEnvironment);
  const code = await run({ deps, values, args, screen, progress, path: parsed.path, runCommand, argv: repeated }).finally(() =>
    progress.end(),
  );
  requireWritten(io.stdout);
  return typeof code === "number" ? code : EXIT_DONE;
}

/** A line that is printed may be typed in another terminal, where the environment names another service or database. */
async function flagsFromEnvironment({ flags }: CommandSpec, args: ParsedArgs, env: Io["env"]): Promise<readonly string[]> {
  const profile = args.get(PROFILE);
  const service = args.get(SERVICE);
  if ("database" in flags) {
    if (args.get(DATABASE) !== undefined) return [];
    if (env.WHCB_DB && profile === undefined && service === undefined) {
      const { databaseFile } = await import("./settings/database-path.js");
      const file = databaseFile(env.WHCB_DB);
      return file === null ? [] : ["--db", file];
    }
  }
  return serviceFlagsOf(
    profile === undefined ? env.WHCB_PROFILE : undefined,
    service === undefined ? serviceOf(env.WHCB_URL) : undefined,
  );
}

function serviceFlagsOf(profile: string | undefined, service: string | undefined): readonly string[] {
  return [...(profile ? ["--profile", profile] : []), ...(service ? ["--service", service] : [])];
}

/** Returns how a service is named from any folder. An invalid URL, which may hold a password, names none. */
function serviceOf(text: string | undefined): string | undefined {
  try {
    return text ? addressText(readServiceAddress(text, "the service")) : undefined;
  } catch {
    return undefined;
  }
}

/** Inherits the streams, which are opened when they are first used. */
function plainIo(io: Io): Io {
  return Object.create(io, { env: { value: { ...io.env, ACCESSIBLE: "1" } } });
}

/** `--json` picks members of JSON. Throws `usage` with a format that isn't JSON. */
function readFormat(spec: CommandSpec, args: ParsedArgs): FormatChoice {
  const format = args.get(OUTPUT);
  const flag = Object.values(spec.flags).find(isJsonFlag);
  const jsonFields = flag && args.get(flag);
  if (jsonFields === undefined) return { format };
  if (format !== undefined && format !== "json" && format !== "ndjson")
    throw new WhcbError("usage", `--json can't be used with -o ${format}`, { hint: "it is for json and ndjson" });
  return { format: format ?? "json", jsonFields };
}

/** Errors are JSON then, even if the rest of the line is invalid. */
function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (word, index) =>
      /^((-o|--output)=?(nd)?json|--json(=.*)?)$/.test(word) ||
      (/^(-o|--output)$/.test(word) && /^(nd)?json$/.test(argv[index + 1] ?? "")),
  );
}
