/** Finds the database that `serve` and the commands on the database itself use. */
import { join, resolve } from "node:path";
import { withFlags } from "../../domain/command-line.js";
import { WhcbError } from "../../domain/errors.js";
import { maskUrl, parseUrl } from "../../domain/mask.js";
import { isPostgresUrl } from "../../platform/database-url.js";
import type { Invocation } from "../args/command-spec.js";
import { DATABASE, PROFILE, SERVICE } from "../args/shared-flags.js";
import type { DatabaseAdmin } from "../cli-deps.js";
import { warnOfOpenDatabase } from "./open-files.js";
import type { ResolvedSettings } from "./resolve-settings.js";
import { addressText, mayHoldPassword, requireTrimmed } from "./service-address.js";
import { requireDatabaseFile, resolveInvocation } from "./session.js";
import { readSettings } from "./settings-file.js";

export const DATABASE_NAME = "whcb.db";

interface OpenDatabase extends AsyncDisposable {
  readonly admin: DatabaseAdmin;
  /** `path` has no password if it is a URL. */
  readonly path: string;
}

/** Throws `config` if there is no such file, or if the profile's service isn't known to be on this machine. */
export async function openDatabase(invocation: Invocation): Promise<OpenDatabase> {
  const path = await findDatabase(invocation);
  if (!isPostgresUrl(path)) await requireDatabaseFile(path);
  warnOfOpenDatabase(invocation, path);
  const admin = await invocation.deps.openDatabase(path);
  return { admin, path: databaseName(path), [Symbol.asyncDispose]: () => admin.close() };
}

/** Names the database in a line that asks nothing. The password of a URL stays in WHCB_DB. */
export function namingDatabase<Given extends Invocation>(invocation: Given, path: string): Given {
  const { args, deps, screen, argv } = invocation;
  const isNamed = args.get(DATABASE) !== undefined || screen.renderOptions.serviceFlags.length > 0;
  if (isNamed || (isPostgresUrl(path) && deps.io.env.WHCB_DB)) return invocation;
  return { ...invocation, argv: withFlags(argv, ["--db", path]) };
}

/** Returns the path, or the URL without its password. */
export function maskedDatabase(database: string): string {
  return isPostgresUrl(database) ? maskUrl(database) : database;
}

/**
 * Takes --db, else the database of a typed --service or --profile, else WHCB_DB, else that of WHCB_URL or the profile, or `serve`'s default.
 * Throws `usage` where two that were typed, or two of the environment, name databases that aren't the same or aren't known to be, and
 * `config` if a profile's path or URL leads to another one than its own.
 */
export async function findDatabase(invocation: Invocation): Promise<string> {
  const { args, deps } = invocation;
  const { WHCB_DB: inEnvironment, WHCB_URL, WHCB_PROFILE } = deps.io.env;
  const typedService = typedServiceFlag(args);
  const typed = readDatabase(args.get(DATABASE), undefined);
  if (typed !== undefined) {
    if (typedService === null) return typed;
    throw new WhcbError("usage", `${typedService} would be ignored: --db names the database`, { hint: "leave one of them out" });
  }
  const given = typedService === null ? readDatabase(undefined, inEnvironment) : undefined;
  if (given !== undefined && !WHCB_URL && !WHCB_PROFILE) return given;
  const settings = await resolveInvocation(invocation);
  const known = await databaseOf(settings, deps);
  if (known !== null) {
    const { name } = known;
    if (given !== undefined && name !== databaseName(given)) throw differentDatabases(settings, name, given);
    // Only the variable may have its password.
    const database = given ?? (inEnvironment && databaseName(inEnvironment) === name ? inEnvironment : name);
    await requireSameDatabase(database, known, deps);
    return database;
  }
  if (given !== undefined) {
    if (settings.ownDatabase?.database !== databaseName(given)) throw differentDatabases(settings, null, given);
    return given;
  }
  const { address } = settings;
  if (address.value === null) return join(deps.paths.data, DATABASE_NAME);
  throw new WhcbError("config", `${address.from} names a service, and this command works on a database only`, {
    hint: "on the machine of that service, name its file with --db",
  });
}

/** Returns "--service", "--profile", or null if neither is typed. */
export function typedServiceFlag(args: Invocation["args"]): string | null {
  if (args.get(SERVICE) !== undefined) return "--service";
  return args.get(PROFILE) === undefined ? null : "--profile";
}

interface KnownDatabase {
  /** The name is a path, or a URL without its password (`databaseName`). */
  readonly name: string;
  readonly profile?: string | null;
  readonly id?: string | undefined;
}

/** Only a profile knows the database of a service, if its `serve` wrote it. */
async function databaseOf(
  { address, profile, profileService }: ResolvedSettings,
  { paths }: Invocation["deps"],
): Promise<KnownDatabase | null> {
  if (address.value === null) return null;
  if (address.value.kind === "file") return { name: address.value.path };
  const isChosen = profile.from === "--profile" || profile.from === "WHCB_PROFILE";
  const isOfProfile = address.from === `profile ${profile.value}` || (isChosen && address.value.url === profileService);
  const { profiles } = await readSettings(paths.config);
  const { database, databaseId: id } = profiles.get(profile.value ?? "") ?? {};
  return isOfProfile && database ? { name: database, profile: profile.value, id } : null;
}

/** A file may have been replaced, and what a URL of PostgreSQL leaves out comes from the environment and from names' addresses. */
async function requireSameDatabase(
  database: string,
  { name, profile, id }: KnownDatabase,
  deps: Invocation["deps"],
): Promise<void> {
  if (id === undefined) return;
  const found = await (await deps.loadMaintenance()).findId(database);
  if (found === null || found === id) return;
  const hint = isPostgresUrl(database)
    ? "look where that URL, PGHOST, PGPORT, PGDATABASE and PGOPTIONS lead; if you mean that one, name it with --db alone; nothing was done"
    : "if you have put it there, name it with --db alone, or start its serve, which refreshes the profile; nothing was done";
  throw new WhcbError("config", `another database than that of profile ${profile} is at ${name}`, { hint });
}

/** `database` is null if that of the service isn't known. */
function differentDatabases({ address }: ResolvedSettings, database: string | null, given: string): WhcbError {
  const other = address.from === "WHCB_URL" ? "WHCB_URL" : "WHCB_PROFILE";
  const name = databaseName(given);
  if (database !== null) {
    const message = `${other} names the database ${database}, and WHCB_DB another one: ${name}`;
    return new WhcbError("usage", message, { hint: `unset ${other} or WHCB_DB, or type --db` });
  }
  const service = address.value === null ? "" : addressText(address.value);
  const message = `${other} names the service ${service}, and WHCB_DB a database that isn't known to be that service's: ${name}`;
  return new WhcbError("usage", message, { hint: `unset ${other}, or type --db` });
}

/** Returns the file that --db or WHCB_DB names, from any folder. Neither a URL, which may hold a password, nor what is invalid names one. */
export function databaseFile(named: string): string | null {
  try {
    const database = readDatabase(undefined, named);
    return database === undefined || isPostgresUrl(database) ? null : database;
  } catch {
    return null;
  }
}

/** Throws `usage` for a password in the URL, as every user of the machine can read flags. */
export function requireNoPassword(text: string | undefined, flag: string, variable: string): string | undefined {
  if (text === undefined || !text.includes("://")) return text;
  const authority = text.slice(text.indexOf("://") + 3).split(/[/?#]/)[0] ?? "";
  // The parser of URLs leaves line ends and tabs out.
  const [, query = ""] = /\?([^#]*)/.exec(text.replace(/[\t\r\n]/g, "")) ?? [];
  const names = [...new URLSearchParams(query).keys()];
  if (/:[^@]*@/.test(authority) || names.some((name) => /^(password|pass|auth)$/i.test(name))) {
    throw new WhcbError("usage", `${flag} contains a password, which other users of this machine could read`, {
      hint: `give the URL as ${variable} instead`,
    });
  }
  return text;
}

/** These parameters lead to another server, database or schema. */
const PLACE_PARAMETERS: ReadonlySet<string> = new Set(["host", "port", "user", "options"]);

/** Returns the path, or the URL without its password and the parameters that don't say which database it is. */
export function databaseName(database: string): string {
  const url = isPostgresUrl(database) ? parseUrl(database) : null;
  if (url === null) return database;
  const parameters = url.search.slice(1).split("&");
  url.password = "";
  url.search = parameters.filter((parameter) => PLACE_PARAMETERS.has(parameter.split("=", 1)[0] ?? "")).join("&");
  return url.href;
}

/**
 * Returns a file's path, or a URL of PostgreSQL, whose password only WHCB_DB or PGPASSFILE may give. Other URLs are rejected before they
 * are printed.
 */
export function readDatabase(given: string | undefined, inEnvironment: string | undefined): string | undefined {
  const text = requireNoPassword(given, "--db", "WHCB_DB") ?? (inEnvironment || undefined);
  if (text === undefined) return undefined;
  const place = given === undefined ? "WHCB_DB" : "--db";
  requireTrimmed(text, place);
  if (text === ":memory:" || isPostgresUrl(text)) return text;
  if (mayHoldPassword(text)) {
    throw new WhcbError("usage", `${place} looks like a URL or connection string with a password, not like a file`, {
      hint: "give a file's path, such as --db ./whcb.db, or a URL that begins with postgres://",
    });
  }
  const path = text.replace(/^file:(\/\/)?/i, "");
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) {
    throw new WhcbError("usage", `${place} is a URL, and not of PostgreSQL`, {
      hint: "give a file's path, such as --db whcb.db, or a URL that begins with postgres://",
    });
  }
  return requireTrimmed(path, place, resolve(path));
}
