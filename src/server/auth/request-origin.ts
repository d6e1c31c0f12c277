/** A browser can be made to send requests. These rules reject them by the host that they name and the page that they come from. */

import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";
import { parseUrl } from "../../domain/mask.js";
import { isThisMachine, isUnspecifiedHost } from "../../platform/loopback.js";
import { type ErrorAnswer, errorAnswer } from "../requests/error-answers.js";

const HOST = /^((?:[\w-]+(?:\.[\w-]+)*)|\[[\da-f:.]+\])\.?(?::(\d{1,5}))?$/i;

/** Links are built from the host. HTTP/1.0 may leave it out. */
export function isValidHost(host: string): boolean {
  if (host === "") return true;
  const match = host.length <= 255 ? HOST.exec(host) : null;
  return match !== null && Number(match[2] ?? 0) <= 65_535;
}

/** Returns the name in lower case, or "" for an invalid host. */
export function hostNameOf(host: string): string {
  return HOST.exec(host)?.[1]?.toLowerCase() ?? "";
}

/** Browsers keep cookies of this machine's names for all ports, and what programs have left there: those of other users too. */
export function isSharedName(hostName: string, knownHosts: readonly string[] | null): boolean {
  return (
    (isThisMachine(hostName) || isUnspecifiedHost(hostName)) && !knownHosts?.some((known) => known.toLowerCase() === hostName)
  );
}

/** GET and HEAD change nothing and have no body that is read. */
export function isSafe({ method }: FastifyRequest): boolean {
  return method === "GET" || method === "HEAD";
}

/**
 * A service on loopback has further names in `knownHosts`. Elsewhere it is null, as any name may be right. A page whose name is
 * changed to this machine's address (DNS rebinding) sends its own name.
 */
export function createOriginCheck(knownHosts: readonly string[] | null): (request: FastifyRequest) => ErrorAnswer | null {
  const names = knownHosts === null ? null : new Set(knownHosts.map((name) => name.toLowerCase()));
  /** Mostly all requests have the same Host. */
  let lastHost: string | undefined;

  return (request) => {
    const { host } = request.headers;
    if (host !== lastHost || request.host !== host) {
      if (!isValidHost(request.host)) return INVALID_HOST;
      if (names !== null && host !== undefined && !isKnown(host, names)) return UNKNOWN_HOST;
      if (request.host === host) lastHost = host;
    }
    if (isSafe(request)) return null;
    if (isForeign(request.headers["sec-fetch-site"])) return OTHER_SITE;
    const { origin } = request.headers;
    return origin === undefined || names === null || isSameOrigin(origin, request) ? null : OTHER_SITE;
  };
}

const INVALID_HOST = errorAnswer(400, "The request can't be read", "The Host header isn't a valid host");
const UNKNOWN_HOST = errorAnswer(421, "The service has another name", "Host must be localhost or a name given with --allow-host");
const OTHER_SITE = errorAnswer(
  403,
  "The request comes from another site",
  "A web page of another site may not change anything here",
);

/** Browsers send cookies to another port of a host, and those of another host of its domain. */
export function isForeign(site: unknown): boolean {
  return site === "cross-site" || site === "same-site";
}

function isKnown(host: string, names: ReadonlySet<string>): boolean {
  const name = hostNameOf(host);
  return isThisMachine(name) || names.has(name);
}

/** A trusted proxy may pass on any text. If that isn't an address, the proxy's own counts. */
export function clientAddress({
  ip,
  socket,
}: {
  readonly ip: string;
  readonly socket: { readonly remoteAddress?: string | undefined };
}): string {
  const isAddress = isIP(ip) !== 0 && !ip.includes("%");
  return isAddress ? ip : (socket.remoteAddress ?? "");
}

/** The scheme may differ, as a proxy may end TLS. */
export function isSameOrigin(origin: string, { host }: FastifyRequest): boolean {
  const from = parseUrl(origin);
  return from !== null && parseUrl(`${from.protocol}//${host}`)?.host === from.host;
}

export function schemeOf({ protocol }: FastifyRequest): "http" | "https" {
  return protocol === "https" ? "https" : "http";
}
