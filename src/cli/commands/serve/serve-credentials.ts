import { newSecret } from "../../../platform/random.js";
import type { Invocation } from "../../args/command-spec.js";
import type { Credentials } from "../../cli-deps.js";
import { changeSettings, readSettings } from "../../settings/settings-file.js";

export interface ServeCredentials {
  readonly credentials: Credentials;
  readonly isNew: boolean;
  /** All came from the environment, so they aren't stored. */
  readonly isGiven: boolean;
  readonly generated: Credentials | null;
}

/** Takes them from the environment or an earlier run, else generates them. */
export async function chooseCredentials({ deps }: Invocation): Promise<ServeCredentials> {
  const { env } = deps.io;
  const given = { username: env.WHCB_USERNAME || null, password: env.WHCB_PASSWORD || null, apiKey: env.WHCB_API_KEY || null };
  if (given.username !== null && given.password !== null && given.apiKey !== null) {
    return {
      credentials: { username: given.username, password: given.password, apiKey: given.apiKey },
      isNew: false,
      isGiven: true,
      generated: null,
    };
  }
  const stored = (await readSettings(deps.paths.config)).serve;
  const base = stored ?? { username: "local", password: newSecret(deps.random), apiKey: newSecret(deps.random) };
  const credentials = {
    username: given.username ?? base.username,
    password: given.password ?? base.password,
    apiKey: given.apiKey ?? base.apiKey,
  };
  return { credentials, isNew: stored === null, isGiven: false, generated: stored === null ? base : null };
}

/** Comes after the start: a failed one leaves no settings. Throws `config`. */
export async function storeCredentials({ deps }: Invocation, { generated }: ServeCredentials): Promise<void> {
  if (generated !== null) await changeSettings(deps, (settings) => ({ ...settings, serve: generated }));
}
