/** Reads the settings file. Without conf, which only writing needs: a listing shouldn't load a schema compiler. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { WhcbError } from "../../domain/errors.js";
import type { Credentials } from "../cli-deps.js";
import { NO_SETTINGS, type Profile, type Settings } from "./profile.js";

export const CONFIG_NAME = "config";

export function settingsPath(configDirectory: string): string {
  return join(configDirectory, `${CONFIG_NAME}.json`);
}

/** No file: no settings. Throws `config` where the file can't be read or isn't what whcb wrote. */
export async function readSettings(configDirectory: string): Promise<Settings> {
  const path = settingsPath(configDirectory);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return NO_SETTINGS;
    throw broken(path, error instanceof Error ? error.message : String(error), error);
  }
  try {
    return parseSettings(JSON.parse(text));
  } catch (error) {
    throw broken(
      path,
      error instanceof SyntaxError ? "it is no JSON" : error instanceof Error ? error.message : String(error),
      error,
    );
  }
}

/** Whether others than the owner may read the file. */
export async function isExposed(configDirectory: string): Promise<boolean> {
  try {
    return process.platform !== "win32" && ((await stat(settingsPath(configDirectory))).mode & 0o077) !== 0;
  } catch {
    return false;
  }
}

function parseSettings(document: unknown): Settings {
  if (!isRecord(document)) throw new Error("it holds no object");
  const profiles = document.profiles ?? {};
  if (!isRecord(profiles)) throw new Error('"profiles" is no object');
  return {
    current: text(document, "current") ?? null,
    profiles: new Map(Object.entries(profiles).map(([name, profile]) => [name, parseProfile(name, profile)])),
    serve: document.serve === undefined ? null : parseCredentials(document.serve),
  };
}

function parseProfile(name: string, profile: unknown): Profile {
  if (!isRecord(profile)) throw new Error(`profile "${name}" is no object`);
  const { rate } = profile;
  if (rate !== undefined && !(typeof rate === "number" && rate > 0))
    throw new Error(`"rate" of profile "${name}" is no number above 0`);
  const url = text(profile, "url");
  if (url === undefined) throw new Error(`profile "${name}" has no "url"`);
  return {
    url,
    ...optionalText(profile, "username"),
    ...optionalText(profile, "password"),
    ...optionalText(profile, "apiKey"),
    ...optionalText(profile, "callback"),
    ...optionalText(profile, "timezone"),
    ...(rate === undefined ? {} : { rate }),
  };
}

function parseCredentials(value: unknown): Credentials {
  const { username, password, apiKey } = isRecord(value) ? value : {};
  if (typeof username !== "string" || typeof password !== "string" || typeof apiKey !== "string") {
    throw new Error('"serve" lacks username, password or apiKey');
  }
  return { username, password, apiKey };
}

function text(record: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = record[key];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw new Error(`"${key}" is no text`);
  return value;
}

function optionalText<Key extends string>(record: Readonly<Record<string, unknown>>, key: Key): { readonly [K in Key]?: string } {
  const value = text(record, key);
  const found: { [K in Key]?: string } = {};
  if (value !== undefined) found[key] = value;
  return found;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function broken(path: string, reason: string, cause: unknown): WhcbError {
  return new WhcbError("config", `the settings file ${path} can't be used: ${reason}`, {
    hint: "mend it or move it away; whcb leaves it as it is until then",
    cause,
  });
}
