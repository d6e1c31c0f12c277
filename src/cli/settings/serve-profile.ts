/** Each database has one profile. That of another service is never pointed elsewhere. */
import type { ServiceCredentials } from "../../client/service-api.js";
import { type BodyNames, DEFAULT_AUTH_PARAMETER, DEFAULT_BODY_NAMES } from "../../wire/delivery-settings.js";
import type { CliDeps, PortLock } from "../cli-deps.js";
import { changeSettings, type Profile, type Settings } from "./settings-file.js";

export interface ServedService {
  readonly url: string;
  readonly portLock: PortLock | null;
  /** `database` is an absolute path, or ":memory:". */
  readonly database: string;
  readonly databaseId: string | null;
  readonly authParameter: string;
  readonly bodyNames: BodyNames;
  /** `credentials` is null if they came from the environment, so they aren't stored. */
  readonly credentials: ServiceCredentials | null | "as stored";
}

export interface ServeProfile {
  readonly name: string;
  readonly isNew: boolean;
  readonly current: string | null;
}

/** The profile becomes the current one only if there is none. Throws `config`, `unavailable`. */
export async function writeServeProfile(deps: CliDeps, service: ServedService): Promise<ServeProfile> {
  let written = { name: "", isNew: false };
  const settings = await changeSettings(deps, (before) => {
    const known = ownProfile(before, service);
    written = known === null ? { name: freeProfileName(before, "local"), isNew: true } : { name: known, isNew: false };
    const {
      authParameter: _a,
      bodyNames: _b,
      databaseId: _d,
      portLock: _l,
      ...stored
    }: Partial<Profile> = before.profiles.get(written.name) ?? {};
    const { username: _u, password: _p, apiKey: _k, credentialsOrigin: _o, ...rest } = stored;
    const { url, portLock, database, databaseId, authParameter, bodyNames, credentials } = service;
    const changed = {
      ...(portLock !== null && { portLock }),
      ...(databaseId !== null && { databaseId }),
      ...(authParameter !== DEFAULT_AUTH_PARAMETER && { authParameter }),
      ...(bodyNames !== DEFAULT_BODY_NAMES && { bodyNames }),
    };
    const kept = credentials === "as stored" ? stored : { ...rest, ...credentials };
    const profile: Profile = { ...kept, url, database, ...changed };
    const profiles = new Map(before.profiles).set(written.name, profile);
    return { ...before, profiles, current: before.current ?? written.name };
  });
  return { ...written, current: settings.current };
}

/** Returns the profile of this database, else `local` of 0.1.0, which has no database, at the same address. */
function ownProfile({ profiles }: Settings, { database, databaseId, url }: ServedService): string | null {
  for (const [name, profile] of profiles) if (profile.database === database) return name;
  const local = profiles.get("local");
  if (local === undefined || local.database !== undefined || local.url !== url) return null;
  // `whcb login` stores which database it is.
  return local.databaseId === undefined || local.databaseId === databaseId ? "local" : null;
}

/** Returns `base`, or with the next free number: "local-2". */
export function freeProfileName({ profiles }: Settings, base: string): string {
  let name = base;
  for (let number = 2; profiles.has(name); number++) name = `${base}-${number}`;
  return name;
}
