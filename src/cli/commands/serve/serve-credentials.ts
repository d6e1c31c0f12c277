import type { ServiceCredentials } from "../../../client/service-api.js";
import { newSecret } from "../../../platform/random.js";
import type { Invocation } from "../../args/command-spec.js";
import { changeSettings, readSettings } from "../../settings/settings-file.js";

export interface ServeCredentials {
  readonly credentials: ServiceCredentials;
  /** All came from the environment, so they aren't stored. */
  readonly isGiven: boolean;
  /** They are new, and are stored once the service has started. */
  readonly generated: ServiceCredentials | null;
}

/** Takes them from the environment or an earlier run, else generates them. */
export async function chooseCredentials({ deps }: Invocation): Promise<ServeCredentials> {
  const { WHCB_USERNAME: username, WHCB_PASSWORD: password, WHCB_API_KEY: apiKey } = deps.io.env;
  if (username && password && apiKey) return { credentials: { username, password, apiKey }, isGiven: true, generated: null };
  const stored = (await readSettings(deps.paths.config)).serve;
  const base = stored ?? { username: "local", password: newSecret(deps.random), apiKey: newSecret(deps.random) };
  const credentials = {
    username: username || base.username,
    password: password || base.password,
    apiKey: apiKey || base.apiKey,
  };
  return { credentials, isGiven: false, generated: stored === null ? base : null };
}

/** Comes after the start: a failed one leaves no settings. Throws `config`. */
export async function storeCredentials({ deps }: Invocation, { generated }: ServeCredentials): Promise<void> {
  if (generated !== null) await changeSettings(deps, (settings) => ({ ...settings, serve: generated }));
}
