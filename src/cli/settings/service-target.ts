import { WhcbError } from "../../domain/errors.js";
import type { ServiceTarget } from "../cli-deps.js";
import type { ResolvedSettings } from "./resolve-settings.js";
import { requireValidCredentials } from "./valid-credentials.js";

/** What openClient needs, or a `config` error that says which value is missing and how to give it. */
export function toServiceTarget(settings: ResolvedSettings, onExchange?: (line: string) => void): ServiceTarget {
  const address = settings.address.value;
  if (address === null) {
    throw new WhcbError("config", "no service is set", {
      hint: "start one here with `whcb serve`, or name yours with `whcb login https://api.<region>.whispir.com` or WHCB_URL",
    });
  }
  if (address.kind === "file") return { kind: "file", path: address.path };
  const { username, password, apiKey } = settings;
  if (username.value === null || password.value === null || apiKey.value === null) throw missing(settings, address.origin);
  const credentials = { username: username.value, password: password.value, apiKey: apiKey.value };
  requireValidCredentials(credentials);
  return {
    kind: "http",
    url: address.url,
    ...credentials,
    rate: settings.rate.value,
    timezone: settings.timezone.value,
    ...(onExchange === undefined ? {} : { onExchange }),
  };
}

function missing(settings: ResolvedSettings, origin: string): WhcbError {
  const names = [
    settings.username.value === null ? "WHCB_USERNAME" : "",
    settings.password.value === null ? "WHCB_PASSWORD" : "",
    settings.apiKey.value === null ? "WHCB_API_KEY" : "",
  ].filter((name) => name !== "");
  const why = settings.foreignOrigin ? `; those of profile ${settings.profile.value} are for its own service only` : "";
  return new WhcbError("config", `credentials for ${origin} are missing${why}`, {
    hint: `use \`whcb login ${origin}\`, or set ${names.join(", ")}`,
  });
}
