import { TransportFailure } from "../../client/transport.js";
import { WhcbError } from "../../domain/errors.js";
import { isLoopbackUrl } from "../../domain/loopback.js";

/** The client doesn't know where the address came from. */
export function withConnectionHint(error: WhcbError, url: string, source: string): WhcbError {
  if (error.code !== "network") return error;
  const hint = connectionHint(error, url, source) ?? error.hint;
  return hint === undefined ? error : new WhcbError(error.code, error.message, { hint, cause: error });
}

function connectionHint(error: WhcbError, url: string, source: string): string | undefined {
  const { origin, protocol, host } = new URL(url);
  const reason = error.cause instanceof TransportFailure ? error.cause.reason : null;
  const address = `the address ${origin} (from ${source})`;
  switch (reason) {
    case "refused":
      if (isLoopbackUrl(url)) return `is it running? Start it with \`whcb serve\`, or check ${address}`;
      return `check ${address}`;
    case "tls":
      if (error.message.includes("doesn't use TLS")) return `change ${address} to http://${host}, or to the port that uses TLS`;
      return error.message.includes("another host name") ? `check ${address}` : error.hint;
    case "cut":
      // Node reports a TLS server's answer to plain HTTP as a closed connection.
      if (error.hint === undefined && protocol === "http:") return `if the port uses TLS, change ${address} to https://${host}`;
      return undefined;
    case "timeout":
    case "too-large":
      return undefined;
    default:
      return `check ${address} and your network`;
  }
}
