/** Finds the database that `serve` and the commands on the database itself use. */
import { join, resolve } from "node:path";
import { WhcbError } from "../../domain/errors.js";
import { maskUrl, parseUrl } from "../../domain/mask.js";
import { isPostgresUrl } from "../../platform/database-url.js";
import type { Invocation } from "../args/command-spec.js";
import { DATABASE, PROFILE, SERVICE } from "../args/shared-flags.js";
import type { DatabaseAdmin } from "../cli-deps.js";
import { warnOfOpenDatabase } from "./open-files.js";
import { mayHoldPassword } from "./service-address.js";
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

/** Returns the path, or the URL without its password. */
export function maskedDatabase(database: string): string {
  return isPostgresUrl(database) ? maskUrl(database) : database;
}

/**
 * Takes --db, else WHCB_DB unless a service or profile was typed, else the profile's (or --service's) file, the database of the profile's
 * `serve`, or `serve`'s default.
 */
export async function findDatabase(invocation: Invocation): Promise<string> {
  const { args, deps } = invocation;
  const inEnvironment = deps.io.env.WHCB_DB;
  const isServiceTyped = args.get(SERVICE) !== undefined || args.get(PROFILE) !== undefined;
  const given = readDatabase(args.get(DATABASE), isServiceTyped ? undefined : inEnvironment);
  if (given !== undefined) return given;
  const { address, profile } = await resolveInvocation(invocation);
  if (address.value === null) return join(deps.paths.data, DATABASE_NAME);
  if (address.value.kind === "file") return address.value.path;
  const isOfProfile = profile.value !== null && address.from === `profile ${profile.value}`;
  const { profiles } = await readSettings(deps.paths.config);
  const database = isOfProfile ? profiles.get(profile.value)?.database : undefined;
  // Only the variable may have its password.
  if (database !== undefined) return inEnvironment && databaseName(inEnvironment) === database ? inEnvironment : database;
  throw new WhcbError("config", `${address.from} names a service, and this command works on a database only`, {
    hint: "on the machine of that service, name its file with --db",
  });
}

/** Throws `usage` for a password in the URL, as every user of the machine can read flags. */
export function requireNoPassword(text: string | undefined, flag: string, variable: string): string | undefined {
  if (text === undefined || !text.includes("://")) return text;
  const authority = text.slice(text.indexOf("://") + 3).split(/[/?#]/)[0] ?? "";
  if (/:[^@]*@/.test(authority) || /[?&](password|pass|auth)=/i.test(text)) {
    throw new WhcbError("usage", `${flag} contains a password, which other users of this machine could read`, {
      hint: `give the URL as ${variable} instead`,
    });
  }
  return text;
}

/** Returns the path, or the URL without its password and parameters. */
export function databaseName(database: string): string {
  const url = isPostgresUrl(database) ? parseUrl(database) : null;
  if (url === null) return database;
  url.password = "";
  url.search = "";
  return url.href;
}

/**
 * Returns a file's path, or a URL of PostgreSQL, whose password only WHCB_DB or PGPASSFILE may give. Other URLs are rejected before they
 * are printed.
 */
export function readDatabase(given: string | undefined, inEnvironment: string | undefined): string | undefined {
  const text = requireNoPassword(given, "--db", "WHCB_DB") ?? (inEnvironment || undefined);
  if (text === undefined || text === ":memory:" || isPostgresUrl(text)) return text;
  const place = given === undefined ? "WHCB_DB" : "--db";
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
  return resolve(path);
}
