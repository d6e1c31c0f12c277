/** Flags win over the environment, that over the profile, and that over defaults. */
import type { ServiceCredentials } from "../../client/service-api.js";
import { commandLine } from "../../domain/command-line.js";
import { advise, errorMessage, WhcbError } from "../../domain/errors.js";
import { parseUrl } from "../../domain/mask.js";
import { CONTROL } from "../../platform/unsafe-characters.js";
import { type BodyNames, DEFAULT_AUTH_PARAMETER, DEFAULT_BODY_NAMES } from "../../wire/delivery-settings.js";
import { closestMatch } from "../args/closest-match.js";
import { parseRate } from "../args/flag-values.js";
import type { PortLock, ServiceTarget } from "../cli-deps.js";
import { addressText, readServiceAddress, type ServiceAddress } from "./service-address.js";
import type { Profile, Settings } from "./settings-file.js";

export interface Sourced<Value> {
  readonly value: Value;
  /** `from` is "--service", "WHCB_URL", "profile local", "default" or "not set". */
  readonly from: string;
}

export interface ResolvedSettings {
  readonly profile: Sourced<string | null>;
  /** `profileService` is the profile's service, as a client of it is named. */
  readonly profileService: string | null;
  readonly address: Sourced<ServiceAddress | null>;
  /** `ownDatabase` is that of the profile whose address is used, also if the address was typed. It is null if that isn't known. */
  readonly ownDatabase: ProfileDatabase | null;
  /** The `serve` of the profile whose credentials or address are used has `portLock` locked. It is null if another service has it. */
  readonly portLock: PortLock | null;
  readonly username: Sourced<string | null>;
  readonly password: Sourced<string | null>;
  readonly apiKey: Sourced<string | null>;
  readonly callback: Sourced<string | null>;
  /** `foreignCallback` is the profile's default callback if that isn't used because the address or the account is another one, else null. */
  readonly foreignCallback: string | null;
  readonly timezone: Sourced<string>;
  readonly country: Sourced<string | null>;
  readonly authParameter: Sourced<string>;
  readonly bodyNames: Sourced<BodyNames>;
  /** `allowNetwork` are comma-separated. */
  readonly allowNetwork: Sourced<string | null>;
  /** `rate` is in requests a second; null sets no limit. */
  readonly rate: Sourced<number | null>;
  /** The profile's credentials are for this origin if they aren't used because the address is of another, else it is null. */
  readonly foreignOrigin: string | null;
  /** These profiles have credentials of different accounts for this origin, and none of them is chosen, so none are used. */
  readonly otherAccounts: readonly string[];
}

export interface ProfileDatabase {
  readonly id: string;
  readonly profile: string;
  /** `database` is a path, or the name of one on a server. It is null if no `serve` has written the profile. */
  readonly database: string | null;
  /** The names of this address's profiles by their databases' ids. */
  readonly profiles: ReadonlyMap<string | undefined, string>;
}

/** `ServiceFlags` are as they were typed. */
export interface ServiceFlags {
  readonly profile: string | undefined;
  readonly service: string | undefined;
}

export interface SettingsInput {
  readonly flags: ServiceFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings: Settings;
}

/** The platform's slowest plan allows so many requests a second. */
const PLATFORM_RATE = 5;

/**
 * Throws `config` for an invalid address, `not-found` for an unknown profile, `usage` for --profile or WHCB_PROFILE beside a variable that
 * names another service or account.
 */
export function resolveSettings({ flags, env, settings }: SettingsInput): ResolvedSettings {
  const named =
    firstGiven<string | null>([flags.profile, "--profile"], [env.WHCB_PROFILE, "WHCB_PROFILE"]) ?? currentProfile(settings);
  const profile = named.value === null ? undefined : findProfile(settings, named.value);
  const given = firstGiven<string>([flags.service, "--service"], [env.WHCB_URL, "WHCB_URL"]);
  const ofProfile = profile === undefined ? undefined : { value: profile.url, from: `profile ${named.value}` };
  const place = given ?? ofProfile;
  const address = place === undefined ? null : readServiceAddress(place.value, place.from);
  const owners = [...settings.profiles].filter(([, candidate]) => ownsCredentials(candidate, address));
  const accounts = new Set(owners.map(([, { username, apiKey }]) => JSON.stringify([username, apiKey])));
  const isAmbiguous = accounts.size > 1 && owners.every(([name]) => name !== named.value);
  const owner = isAmbiguous ? undefined : chooseProfile(owners, named.value);
  const ofOwner = (key: "username" | "password" | "apiKey") => [owner?.[1][key], `profile ${owner?.[0]}`] as const;
  const homes = [...settings.profiles].filter(([, { url }]) => isOfService(url, address));
  const home = chooseProfile(homes, named.value);
  // Another account may have other dates, and other callbacks.
  const ofAccount = homes.filter(([, { username }]) => !isOther(env.WHCB_USERNAME, username));
  const own = chooseProfile(ofAccount, named.value);
  const ofHome = <Key extends keyof Profile>(key: Key) => [own?.[1][key], `profile ${own?.[0]}`] as const;
  const profileService = profile === undefined ? null : serviceName(profile.url);
  const isSameService = profile !== undefined && isOfService(profile.url, address);
  const isOwn = isSameService && !isOther(env.WHCB_USERNAME, profile.username);
  if (named.from === "--profile" || named.from === "WHCB_PROFILE") {
    if (place?.from === "WHCB_URL" && !isSameService) throw contradiction(named, "service", "WHCB_URL");
    const account = owner?.[0] === named.value ? owner[1] : undefined;
    if (isOther(env.WHCB_API_KEY, account?.apiKey)) throw contradiction(named, "account", "WHCB_API_KEY");
    if (isOther(env.WHCB_USERNAME, account?.username)) throw contradiction(named, "account", "WHCB_USERNAME");
  }
  const notSet = { value: null, from: "not set" };
  return {
    profile: named,
    profileService,
    address: { value: address, from: place?.from ?? "not set" },
    ownDatabase: home === undefined ? null : databaseOf(home, homes),
    portLock: portLockOf(owner, home, settings.profiles, address),
    username: firstGiven<string | null>([env.WHCB_USERNAME, "WHCB_USERNAME"], ofOwner("username")) ?? notSet,
    password: firstGiven<string | null>([env.WHCB_PASSWORD, "WHCB_PASSWORD"], ofOwner("password")) ?? notSet,
    apiKey: firstGiven<string | null>([env.WHCB_API_KEY, "WHCB_API_KEY"], ofOwner("apiKey")) ?? notSet,
    callback: firstGiven<string | null>([isOwn ? profile.callback : undefined, `profile ${named.value}`]) ?? notSet,
    foreignCallback: isOwn ? null : (profile?.callback ?? null),
    country: firstGiven<string | null>(ofHome("country")) ?? notSet,
    timezone: firstGiven(ofHome("timezone")) ?? { value: "UTC", from: "default" },
    authParameter: firstGiven(ofHome("authParameter")) ?? { value: DEFAULT_AUTH_PARAMETER, from: "default" },
    bodyNames: firstGiven(ofHome("bodyNames")) ?? { value: DEFAULT_BODY_NAMES, from: "default" },
    allowNetwork: firstGiven<string | null>(ofHome("allowNetwork")) ?? notSet,
    rate: resolveRate(env, home, address),
    foreignOrigin: profile !== undefined && owner === undefined ? credentialsOrigin(profile) : null,
    otherAccounts: isAmbiguous ? owners.map(([name]) => name) : [],
  };
}

function databaseOf([profile, { databaseId, database, credentialsOrigin }]: NamedProfile, homes: readonly NamedProfile[]) {
  // With `credentialsOrigin`, a user has changed the URL since.
  if (databaseId === undefined || credentialsOrigin !== undefined) return null;
  return {
    id: databaseId,
    profile,
    database: database ?? null,
    profiles: new Map(homes.map(([name, { databaseId: id }]) => [id, name])),
  };
}

/** Any name may lead to this machine, which shows once it is connected to. So the port decides, and not how the address is spelled. */
function portLockOf(
  owner: NamedProfile | undefined,
  home: NamedProfile | undefined,
  profiles: Settings["profiles"],
  address: ServiceAddress | null,
) {
  const url = address?.kind === "http" ? new URL(address.url) : null;
  if (url?.protocol !== "http:") return null;
  const used = (owner ?? home)?.[1];
  const locked = [...profiles.values()].filter(({ portLock }) => portLock?.port === Number(url.port || 80));
  // A user of the service may have logged in to it with another profile than the one that `serve` has written.
  const isSameDatabase = ({ databaseId }: Profile) => databaseId !== undefined && databaseId === used?.databaseId;
  const isUnknown = owner === undefined && used?.databaseId === undefined;
  const found = locked.find((profile) => profile === used) ?? locked.find((profile) => isUnknown || isSameDatabase(profile));
  return found?.portLock ?? null;
}

function isOther(variable: string | undefined, stored: string | undefined): boolean {
  return variable !== undefined && variable !== "" && stored !== undefined && variable !== stored;
}

function contradiction({ value, from }: Sourced<string | null>, what: "service" | "account", variable: string): WhcbError {
  return new WhcbError("usage", `${from} ${value} is another ${what} than ${variable}`, {
    hint: `unset ${variable}, or leave out ${from}`,
  });
}

/** Throws `config` with the missing setting and how to give it. */
export function toServiceTarget(settings: ResolvedSettings, onExchange?: (line: string) => void): ServiceTarget {
  const address = settings.address.value;
  if (address === null) {
    const serve = { command: "whcb serve", when: "to start one" };
    const login = { command: "whcb login", when: "to name yours" };
    throw new WhcbError("config", "no service is set", advise`start one with ${serve}, or name yours with ${login} or WHCB_URL`);
  }
  if (address.kind === "file") {
    const { authParameter, bodyNames } = settings;
    return { kind: "file", path: address.path, authParameter: authParameter.value, bodyNames: bodyNames.value };
  }
  const { username, password, apiKey } = settings;
  if (username.value === null || password.value === null || apiKey.value === null)
    throw missingCredentials(settings, address.origin);
  const credentials = { username: username.value, password: password.value, apiKey: apiKey.value };
  requireValidCredentials(credentials);
  return {
    kind: "http",
    url: address.url,
    ...credentials,
    rate: settings.rate.value,
    timezone: settings.timezone.value,
    portLock: settings.portLock ?? undefined,
    onExchange,
  };
}

/** Throws `config` for control characters, or a colon in a Basic user. Never shows a value. */
export function requireValidCredentials({ username, password, apiKey }: ServiceCredentials): void {
  const hint = "was a line end pasted with it? Set it again";
  if (/[^\t\x20-\x7e\x80-\xff]/.test(apiKey) || apiKey.trim() !== apiKey) {
    throw new WhcbError("config", "the API key contains a character that an HTTP header can't contain", { hint });
  }
  if (username.includes(":")) throw new WhcbError("config", "the user name contains a colon, which HTTP Basic doesn't allow");
  if (new RegExp(`[${CONTROL}]`).test(username + password)) {
    throw new WhcbError("config", "the user name or the password contains a control character", { hint });
  }
}

/** Throws `not-found`, with the closest name as its hint. */
export function findProfile(settings: Settings, name: string): Profile {
  const profile = settings.profiles.get(name);
  if (profile !== undefined) return profile;
  const names = [...settings.profiles.keys()];
  const match = closestMatch(name, names);
  const advice =
    match !== null
      ? { hint: `did you mean ${match}?` }
      : names.length > 0
        ? { hint: `there are: ${names.join(", ")}` }
        : advise`create one with ${{ command: "whcb login", when: "to create one" }}`;
  throw new WhcbError("not-found", `no profile ${JSON.stringify(name)}`, advice);
}

function currentProfile(settings: Settings): Sourced<string | null> {
  return settings.current === null ? { value: null, from: "not set" } : { value: settings.current, from: "current profile" };
}

type NamedProfile = readonly [name: string, profile: Profile];

/** Returns the chosen one if it fits, else another. */
function chooseProfile(fitting: readonly NamedProfile[], chosen: string | null): NamedProfile | undefined {
  return fitting.find(([name]) => name === chosen) ?? fitting[0];
}

function isOfService(url: string, address: ServiceAddress | null): boolean {
  return address !== null && serviceName(url) === addressText(address);
}

/** Returns null if it isn't an address. */
function serviceName(url: string): string | null {
  try {
    return addressText(readServiceAddress(url, ""));
  } catch {
    return null;
  }
}

/** Credentials are sent only to the origin that they were stored for. */
function ownsCredentials(profile: Profile, address: ServiceAddress | null): boolean {
  return address?.kind === "http" && credentialsOrigin(profile) === address.origin;
}

/** Returns null without credentials. */
export function credentialsOrigin(profile: Profile): string | null {
  const { username, password, apiKey } = profile;
  if (username === undefined && password === undefined && apiKey === undefined) return null;
  return profile.credentialsOrigin ?? originOf(profile.url);
}

function originOf(url: string): string | null {
  return parseUrl(url)?.origin ?? null;
}

function resolveRate(
  env: SettingsInput["env"],
  home: NamedProfile | undefined,
  address: ServiceAddress | null,
): Sourced<number | null> {
  if (env.WHCB_RATE !== undefined && env.WHCB_RATE !== "") {
    try {
      return { value: parseRate(env.WHCB_RATE), from: "WHCB_RATE" };
    } catch (error) {
      throw new WhcbError("config", `WHCB_RATE: ${JSON.stringify(env.WHCB_RATE)} ${errorMessage(error)}`);
    }
  }
  if (home?.[1].rate !== undefined) return { value: home[1].rate, from: `profile ${home[0]}` };
  const isPlatform = address?.kind === "http" && /(^|\.)whispir\.com$/i.test(new URL(address.url).hostname);
  return { value: isPlatform ? PLATFORM_RATE : null, from: "default" };
}

function missingCredentials(settings: ResolvedSettings, origin: string): WhcbError {
  const names = [
    settings.username.value === null ? "WHCB_USERNAME" : "",
    settings.password.value === null ? "WHCB_PASSWORD" : "",
    settings.apiKey.value === null ? "WHCB_API_KEY" : "",
  ].filter((name) => name !== "");
  const { foreignOrigin, profile, otherAccounts } = settings;
  if (otherAccounts.length > 0) {
    const message = `credentials for ${origin} are missing; profiles ${otherAccounts.join(", ")} have different ones`;
    return new WhcbError("config", message, { hint: `add \`--profile\` with one of them, or set ${names.join(", ")}` });
  }
  const why = foreignOrigin === null ? "" : `; those of profile ${profile.value} belong to ${foreignOrigin}`;
  const login = { command: loginCommand(settings, origin), when: "to store them" };
  const message = `credentials for ${origin} are missing${why}`;
  return new WhcbError("config", message, advise`use ${login}, or set ${names.join(", ")}`);
}

/** Logs in to the profile in use, if the address is its own. */
export function loginCommand({ profile, address }: ResolvedSettings, origin: string): string {
  const isOfProfile = profile.value !== null && address.from === `profile ${profile.value}`;
  const flags = isOfProfile ? ["--name", profile.value] : [];
  return commandLine({ command: "login", operands: [origin], flags });
}

function firstGiven<Value>(
  ...candidates: readonly (readonly [value: Value | undefined, from: string])[]
): Sourced<Value> | undefined {
  for (const [value, from] of candidates) if (value !== undefined && value !== "") return { value, from };
  return undefined;
}
