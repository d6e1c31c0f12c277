/** What to do about an error of the service depends on where the address and the credentials came from. */
import { TransportFailure } from "../../client/transport.js";
import { type Advice, advise, WhcbError } from "../../domain/errors.js";
import { isLoopbackUrl } from "../../platform/loopback.js";
import { loginCommand, type ResolvedSettings } from "./resolve-settings.js";

export function withSettingsAdvice(error: WhcbError, url: string, settings: ResolvedSettings): WhcbError {
  const { origin } = new URL(url);
  if (error.code === "network") return withConnectionAdvice(error, url, settings.address.from);
  const { username, password, apiKey } = settings;
  if (error.code === "unauthenticated") {
    const from = username.from === password.from ? username.from : `${username.from} and ${password.from}`;
    return withOwnAdvice(
      error,
      credentialsFix(`user and password came from ${from}`, settings, origin, username.from, password.from),
    );
  }
  if (error.code === "forbidden")
    return withOwnAdvice(error, credentialsFix(`the API key came from ${apiKey.from}`, settings, origin, apiKey.from));
  return error;
}

/** Replaces the client's advice, which doesn't know where the credentials came from. */
function withOwnAdvice(error: WhcbError, advice: Advice): WhcbError {
  return new WhcbError(error.code, error.message, { ...advice, cause: error });
}

/** The environment overrides a profile: a new login may change nothing. */
function credentialsFix(found: string, settings: ResolvedSettings, origin: string, ...sources: readonly string[]): Advice {
  const variables = sources.filter((source) => source.startsWith("WHCB_"));
  if (variables.length > 0) return { hint: `${found}: fix or unset ${variables.join(" and ")}` };
  return advise`${found}: store new ones with ${{ command: loginCommand(settings, origin), when: "to store new ones" }}`;
}

/** The client doesn't know where the address came from. */
export function withConnectionAdvice(error: WhcbError, url: string, source: string): WhcbError {
  if (error.code !== "network") return error;
  const advice = connectionAdvice(error, url, source);
  return advice === null ? error : withOwnAdvice(error, advice);
}

function connectionAdvice(error: WhcbError, url: string, source: string): Advice | null {
  const { origin, protocol, host } = new URL(url);
  const reason = error.cause instanceof TransportFailure ? error.cause.reason : null;
  const address = `the address ${origin} (from ${source})`;
  switch (reason) {
    case "refused":
      if (!isLoopbackUrl(url)) return { hint: `check ${address}` };
      return advise`is it running? Start it with ${{ command: "whcb serve", when: "to start it" }}, or check ${address}`;
    case "tls":
      if (error.message.includes("doesn't use TLS"))
        return { hint: `change ${address} to http://${host}, or to the port that uses TLS` };
      return error.message.includes("another host name") ? { hint: `check ${address}` } : null;
    case "cut":
      // Node reports a TLS server's answer to plain HTTP as a closed connection.
      if (error.hint !== undefined || protocol !== "http:") return null;
      return { hint: `if the port uses TLS, change ${address} to https://${host}` };
    case "timeout":
    case "too-large":
      return null;
    default:
      return { hint: `check ${address} and your network` };
  }
}
