/** Settings are in config.json, with mode 0600. */
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { ServiceCredentials } from "../../client/service-api.js";
import { errorMessage, isWhcbError, systemErrorCode, WhcbError } from "../../domain/errors.js";
import { createFolder, flushFolder } from "../../platform/files/durable-folders.js";
import { makePrivate, requireNoStrangers } from "../../platform/files/is-own.js";
import { withoutSignalListeners } from "../../platform/terminal.js";
import type { FileLock } from "../../runs/run-deps.js";
import { type BodyNames, parseBodyNames } from "../../wire/delivery-settings.js";
import { isObject, type JsonObject, withoutUndefined } from "../../wire/json/json-value.js";
import type { CliDeps, PortLock } from "../cli-deps.js";

export interface Settings {
  readonly current: string | null;
  readonly profiles: ReadonlyMap<string, Profile>;
  /** `whcb serve` creates them at its first run. */
  readonly serve: ServiceCredentials | null;
}

export interface Profile {
  /** `url` is an http(s) URL, or a database file's absolute path. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly apiKey?: string;
  /** `credentialsOrigin` is set if `url` was changed since they were stored. */
  readonly credentialsOrigin?: string;
  /** The `whcb serve` that wrote this profile has this database. */
  readonly database?: string;
  /** That `whcb serve` has this file locked while it listens. It stays if `url` is changed. */
  readonly portLock?: PortLock;
  /** The identity of its database, as the service at `url` says it (docs/contract.md, X-Database-Id). */
  readonly databaseId?: string;
  /** `callback` is the id or name of the default callback. */
  readonly callback?: string;
  /** The service's dd/MM/yy dates are in this IANA zone. */
  readonly timezone?: string;
  /** Mobile numbers in local form are of this country (ISO 3166). */
  readonly country?: string;
  /** `queryparam` auth sends the key in it. */
  readonly authParameter?: string;
  readonly bodyNames?: BodyNames;
  /** Callbacks may be sent to these networks, comma-separated, though the service is elsewhere. */
  readonly allowNetwork?: string;
  /** `rate` is in requests a second. */
  readonly rate?: number;
}

/** `config set` changes these settings of a profile. */
export const SETTABLE = [
  "url",
  "username",
  "password",
  "apiKey",
  "callback",
  "timezone",
  "country",
  "authParameter",
  "bodyNames",
  "allowNetwork",
  "rate",
] as const satisfies readonly (keyof Profile)[];
export type Settable = (typeof SETTABLE)[number];

const NO_SETTINGS: Settings = { current: null, profiles: new Map(), serve: null };
const CONFIG_NAME = "config";

export function settingsPath(configDirectory: string): string {
  return join(configDirectory, `${CONFIG_NAME}.json`);
}

/** Returns empty settings without a file. Throws `config` for an unreadable or malformed one, or one that a stranger may have made. */
export async function readSettings(configDirectory: string): Promise<Settings> {
  const path = settingsPath(configDirectory);
  try {
    requireNoStrangers(path);
    return parseSettings(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return NO_SETTINGS;
    if (isWhcbError(error)) throw error;
    const reason = error instanceof SyntaxError ? "it isn't JSON" : errorMessage(error);
    throw new WhcbError("config", `the settings file ${path} can't be used: ${reason}`, {
      hint: "repair it or move it away; whcb doesn't change it until then",
      cause: error,
    });
  }
}

/**
 * The change is atomic, and on disk: one process at a time changes the settings. The file has mode 0600, in a 0700 folder. An unreadable file is never
 * overwritten. Throws `config`, `unavailable`.
 */
export async function changeSettings(deps: CliDeps, change: (settings: Settings) => Settings): Promise<Settings> {
  const configDirectory = deps.paths.config;
  await createFolder(configDirectory).catch((error: unknown) => {
    throw unwritableError(configDirectory, error);
  });
  // conf loads a schema compiler, which reading doesn't need.
  const { default: Conf } = await withoutSignalListeners(() => import("conf"));
  const lock = await lockSettings(deps);
  try {
    const changed = change(await readSettings(configDirectory));
    try {
      const conf = new Conf<Record<string, unknown>>({
        cwd: configDirectory,
        configName: CONFIG_NAME,
        configFileMode: 0o600,
        // Profile names may contain dots.
        accessPropertiesByDotNotation: false,
      });
      conf.store = {
        ...(changed.current === null ? {} : { current: changed.current }),
        profiles: Object.fromEntries(changed.profiles),
        ...(changed.serve === null ? {} : { serve: changed.serve }),
      };
      // An existing file keeps its mode through the rename.
      makePrivate(realpathSync(settingsPath(configDirectory)));
      await flushFolder(configDirectory);
    } catch (error) {
      throw unwritableError(configDirectory, error);
    }
    return changed;
  } finally {
    await lock?.release();
  }
}

const LONGEST_WAIT_MS = 10_000;
const POLL_MS = 20;

/**
 * Returns null where files can't be locked: there is no driver for SQLite, or the file system doesn't lock. Throws `unavailable` after 10
 * s.
 */
async function lockSettings({ paths, lockFile, clock }: CliDeps): Promise<FileLock | null> {
  const path = `${settingsPath(paths.config)}.lock`;
  const end = clock.monotonicMs() + LONGEST_WAIT_MS;
  while (clock.monotonicMs() < end) {
    try {
      const lock = await lockFile(path);
      if (lock !== null) return lock;
    } catch (error) {
      if (isWhcbError(error)) return null;
      throw error;
    }
    await clock.sleepUntil(clock.now() + POLL_MS);
  }
  throw new WhcbError("unavailable", `another whcb has been changing the settings for ${LONGEST_WAIT_MS / 1_000} s`, {
    hint: `it has locked ${path}; end it, or try again`,
  });
}

function unwritableError(configDirectory: string, error: unknown): WhcbError {
  return new WhcbError("config", `the settings can't be written to ${settingsPath(configDirectory)}: ${errorMessage(error)}`, {
    hint: "WHCB_CONFIG_DIR names another folder",
    cause: error,
  });
}

function parseSettings(document: unknown): Settings {
  if (!isObject(document)) throw new Error("it isn't a JSON object");
  const profiles = document.profiles ?? {};
  if (!isObject(profiles)) throw new Error('"profiles" must be an object');
  return {
    current: optionalText(document, "current") ?? null,
    profiles: new Map(Object.entries(profiles).map(([name, profile]) => [name, parseProfile(name, profile)])),
    serve: document.serve === undefined ? null : parseCredentials(document.serve),
  };
}

function parseProfile(name: string, profile: unknown): Profile {
  if (!isObject(profile)) throw new Error(`profile "${name}" must be an object`);
  const { rate } = profile;
  if (rate !== undefined && !(typeof rate === "number" && rate > 0))
    throw new Error(`"rate" of profile "${name}" must be a number above 0`);
  const url = optionalText(profile, "url");
  if (url === undefined) throw new Error(`profile "${name}" has no "url"`);
  const optional = withoutUndefined({
    username: optionalText(profile, "username"),
    password: optionalText(profile, "password"),
    apiKey: optionalText(profile, "apiKey"),
    credentialsOrigin: optionalText(profile, "credentialsOrigin"),
    database: optionalText(profile, "database"),
    portLock: readPortLock(profile),
    databaseId: optionalText(profile, "databaseId"),
    callback: optionalText(profile, "callback"),
    timezone: optionalText(profile, "timezone"),
    country: optionalText(profile, "country"),
    authParameter: optionalText(profile, "authParameter"),
    bodyNames: readBodyNames(profile),
    allowNetwork: optionalText(profile, "allowNetwork"),
    rate,
  });
  return { url, ...optional };
}

function readPortLock({ portLock }: JsonObject): PortLock | undefined {
  if (portLock === undefined) return undefined;
  const { path, pid, port, addresses } = isObject(portLock) ? portLock : {};
  if (typeof path !== "string" || typeof pid !== "number" || typeof port !== "number" || !isTextList(addresses))
    throw new Error('"portLock" needs path, pid, port and addresses');
  return { path, pid, port, addresses };
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

function readBodyNames(profile: JsonObject): BodyNames | undefined {
  const names = optionalText(profile, "bodyNames");
  try {
    return names === undefined ? undefined : parseBodyNames(names);
  } catch (error) {
    throw new Error(`"bodyNames" ${errorMessage(error)}`);
  }
}

function parseCredentials(value: unknown): ServiceCredentials {
  const { username, password, apiKey } = isObject(value) ? value : {};
  if (typeof username !== "string" || typeof password !== "string" || typeof apiKey !== "string") {
    throw new Error('"serve" needs username, password and apiKey');
  }
  return { username, password, apiKey };
}

function optionalText(record: JsonObject, key: string): string | undefined {
  const value = record[key];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw new Error(`"${key}" must be a string`);
  return value;
}
