import { hostname, networkInterfaces } from "node:os";
import { parseUrl } from "../domain/mask.js";

const LOOPBACK_IPV4 = /^127(?:\.\d{1,3}){3}$/;
/** The URL parser writes ::ffff:127.0.0.1 like this. */
const MAPPED_LOOPBACK = /^::ffff:7f[\da-f]{2}:[\da-f]{1,4}$/;

/** Accepts "localhost", 127.0.0.0/8, ::1 (brackets allowed) and ::ffff:127.0.0.0/104, but not *.localhost. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name === "::1" || LOOPBACK_IPV4.test(name.replace(/^::ffff:/, "")) || MAPPED_LOOPBACK.test(name);
}

/** Browsers take any name below localhost for this machine too. */
export function isThisMachine(host: string): boolean {
  return isLoopbackHost(host) || host.toLowerCase().endsWith(".localhost");
}

/** A server at this address listens at all of its own; as a URL's host it means this machine. Brackets are allowed. */
export function isUnspecifiedHost(host: string): boolean {
  return /^(?:0\.0\.0\.0|\[?::(?:ffff:0:0)?\]?)$/i.test(host);
}

/** Returns false for text that isn't a URL. */
export function isLoopbackUrl(url: string): boolean {
  return isLoopbackHost(parseUrl(url)?.hostname ?? "");
}

/** Accepts also this machine's host name and the addresses of its network interfaces. Brackets and a final dot are allowed. */
export function isOwnHost(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
  if (isThisMachine(name) || isUnspecifiedHost(name)) return true;
  return name === hostname().toLowerCase() || interfaceAddresses().includes(name);
}

/** Link-local addresses have a zone, which a URL can't contain. */
export function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((entries = []) => entries.map(({ address }) => address));
}

/** Accepts names of this machine or its own network: localhost, *.localhost and *.local, with or without a final dot. */
export function isLocalName(host: string): boolean {
  return /^(?:.+\.)?(?:localhost|local)\.?$/i.test(host);
}
