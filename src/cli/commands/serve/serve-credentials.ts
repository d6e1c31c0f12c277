/** The user and API key of `whcb serve`: the environment's, else those that an earlier run made, else new ones. */
import type { Credentials } from "../../cli-deps.js";
import type { Invocation } from "../../invocation.js";
import { readSettings } from "../../settings/read-settings.js";
import { changeSettings } from "../../settings/write-settings.js";

export interface ServeCredentials {
  readonly credentials: Credentials;
  /** Made just now. */
  readonly isNew: boolean;
  /** All of them came from the environment: they are kept nowhere. */
  readonly isGiven: boolean;
  /** What is to be kept for later runs; null: nothing new. */
  readonly made: Credentials | null;
}

export async function chooseCredentials({ deps }: Invocation): Promise<ServeCredentials> {
  const { env } = deps.io;
  const given = { username: env.WHCB_USERNAME || null, password: env.WHCB_PASSWORD || null, apiKey: env.WHCB_API_KEY || null };
  if (given.username !== null && given.password !== null && given.apiKey !== null) {
    return {
      credentials: { username: given.username, password: given.password, apiKey: given.apiKey },
      isNew: false,
      isGiven: true,
      made: null,
    };
  }
  const kept = (await readSettings(deps.paths.config)).serve;
  const secret = () => Buffer.from(deps.random.bytes(24)).toString("base64url");
  const base = kept ?? { username: "local", password: secret(), apiKey: secret() };
  const credentials = {
    username: given.username ?? base.username,
    password: given.password ?? base.password,
    apiKey: given.apiKey ?? base.apiKey,
  };
  return { credentials, isNew: kept === null, isGiven: false, made: kept === null ? base : null };
}

/**
 * Once the service is up and before anyone is told: a start that failed leaves no settings behind, and a service whose key nobody
 * knows helps no one. Throws `config` where they can't be written.
 */
export async function keepCredentials({ deps }: Invocation, { made }: ServeCredentials): Promise<void> {
  if (made !== null) await changeSettings(deps.paths.config, (settings) => ({ ...settings, serve: made }));
}

/** Writes the profile `local` for the running service. It becomes the current one only where there is none. */
export async function keepLocalProfile({ deps }: Invocation, url: string, chosen: ServeCredentials): Promise<"current" | "kept"> {
  const settings = await changeSettings(deps.paths.config, (before) => {
    const { username: _u, password: _p, apiKey: _k, ...kept } = before.profiles.get("local") ?? { url };
    const profile = { ...kept, url, ...(chosen.isGiven ? {} : chosen.credentials) };
    return { ...before, profiles: new Map(before.profiles).set("local", profile), current: before.current ?? "local" };
  });
  return settings.current === "local" ? "current" : "kept";
}
