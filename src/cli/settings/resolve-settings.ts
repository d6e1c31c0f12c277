/** Which value counts, and where it came from: flags beat environment beat profile beat defaults. */
import { WhcbError } from "../../domain/errors.js";
import { closestMatch } from "../args/closest-match.js";
import { parseRate } from "../args/numbers.js";
import type { Profile, Settings } from "./profile.js";
import { readServiceAddress, type ServiceAddress } from "./service-address.js";

export interface Sourced<Value> {
  readonly value: Value;
  /** "--service", "WHCB_URL", "profile local", "default" or "not set". */
  readonly from: string;
}

export interface ResolvedSettings {
  readonly profile: Sourced<string | null>;
  readonly address: Sourced<ServiceAddress | null>;
  readonly username: Sourced<string | null>;
  readonly password: Sourced<string | null>;
  readonly apiKey: Sourced<string | null>;
  readonly callback: Sourced<string | null>;
  readonly timezone: Sourced<string>;
  /** Requests a second at most; null: no limit. */
  readonly rate: Sourced<number | null>;
  /** Set where a profile's credentials weren't used since the URL is of another origin. */
  readonly foreignOrigin: boolean;
}

export interface SettingsInput {
  readonly flags: { readonly profile: string | undefined; readonly service: string | undefined };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings: Settings;
}

/** The platform's slowest plan. */
const PLATFORM_RATE = 5;

/** Throws `config` for an address that is none, `not-found` for a profile that isn't there. */
export function resolveSettings({ flags, env, settings }: SettingsInput): ResolvedSettings {
  const named = first<string | null>([flags.profile, "--profile"], [env.WHCB_PROFILE, "WHCB_PROFILE"]) ?? current(settings);
  const profile = named.value === null ? undefined : findProfile(settings, named.value);
  const given = first<string>([flags.service, "--service"], [env.WHCB_URL, "WHCB_URL"]);
  const ofProfile = profile === undefined ? undefined : { value: profile.url, from: `profile ${named.value}` };
  const addressText = given ?? ofProfile;
  const address = addressText === undefined ? null : readServiceAddress(addressText.value, addressText.from);
  const owner = credentialOwner(settings, named.value, address);
  const ofOwner = (key: "username" | "password" | "apiKey" | "timezone") => [owner?.[1][key], `profile ${owner?.[0]}`] as const;
  // A default callback belongs to the service that the profile names.
  const isSameService = profile !== undefined && address !== null && sameService(profile.url, address);
  const notSet = { value: null, from: "not set" };
  return {
    profile: named,
    address: { value: address, from: addressText?.from ?? "not set" },
    username: first<string | null>([env.WHCB_USERNAME, "WHCB_USERNAME"], ofOwner("username")) ?? notSet,
    password: first<string | null>([env.WHCB_PASSWORD, "WHCB_PASSWORD"], ofOwner("password")) ?? notSet,
    apiKey: first<string | null>([env.WHCB_API_KEY, "WHCB_API_KEY"], ofOwner("apiKey")) ?? notSet,
    callback: first<string | null>([isSameService ? profile.callback : undefined, `profile ${named.value}`]) ?? notSet,
    timezone: first(ofOwner("timezone")) ?? { value: "UTC", from: "default" },
    rate: resolveRate(env, owner, address),
    foreignOrigin: profile !== undefined && !isSameService && owner === undefined,
  };
}

function current(settings: Settings): Sourced<string | null> {
  return settings.current === null ? { value: null, from: "not set" } : { value: settings.current, from: "current profile" };
}

function findProfile(settings: Settings, name: string): Profile {
  const profile = settings.profiles.get(name);
  if (profile !== undefined) return profile;
  const names = [...settings.profiles.keys()];
  const meant = closestMatch(name, names);
  throw new WhcbError("not-found", `no profile ${JSON.stringify(name)}`, {
    hint:
      meant !== null
        ? `did you mean ${meant}?`
        : names.length > 0
          ? `there are: ${names.join(", ")}`
          : "make one with `whcb login`",
  });
}

/** The profile whose credentials may go to this address: the chosen one if it is its own, else another of that origin. */
function credentialOwner(
  settings: Settings,
  chosen: string | null,
  address: ServiceAddress | null,
): readonly [string, Profile] | undefined {
  if (address === null) return undefined;
  const owners = [...settings.profiles].filter(([, profile]) => sameService(profile.url, address));
  return owners.find(([name]) => name === chosen) ?? owners[0];
}

function sameService(url: string, address: ServiceAddress): boolean {
  if (address.kind === "file") return url === address.path;
  return URL.canParse(url) && new URL(url).origin === address.origin;
}

function resolveRate(
  env: SettingsInput["env"],
  owner: readonly [string, Profile] | undefined,
  address: ServiceAddress | null,
): Sourced<number | null> {
  if (env.WHCB_RATE !== undefined && env.WHCB_RATE !== "") {
    try {
      return { value: parseRate(env.WHCB_RATE), from: "WHCB_RATE" };
    } catch (error) {
      throw new WhcbError("config", `WHCB_RATE: ${JSON.stringify(env.WHCB_RATE)} ${error instanceof Error ? error.message : ""}`);
    }
  }
  if (owner?.[1].rate !== undefined) return { value: owner[1].rate, from: `profile ${owner[0]}` };
  const isPlatform = address?.kind === "http" && /(^|\.)whispir\.com$/i.test(new URL(address.url).hostname);
  return { value: isPlatform ? PLATFORM_RATE : null, from: "default" };
}

function first<Value>(...candidates: readonly (readonly [value: Value | undefined, from: string])[]): Sourced<Value> | undefined {
  for (const [value, from] of candidates) if (value !== undefined && value !== "") return { value, from };
  return undefined;
}
