/** Which addresses a callback may be at: the public rules of cli.md. */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { WhcbError } from "../domain/errors.js";

/** "any": a service on loopback, whose users may call what they like. */
export type AddressRule = { readonly kind: "any" } | PublicRule;

export interface PublicRule {
  readonly kind: "public";
  /** Opened on purpose: within them an address may also be named by number, at any port. */
  readonly allowed: readonly Network[];
}

export type Network = [address: ipaddr.IPv4 | ipaddr.IPv6, prefixLength: number];

export const ANY_ADDRESS: AddressRule = { kind: "any" };

/** `allowNetworks`: CIDRs, or single addresses. Throws `usage` for one that is neither. */
export function publicAddressRule(allowNetworks: readonly string[] = []): AddressRule {
  return { kind: "public", allowed: allowNetworks.map(parseNetwork) };
}

/**
 * What can be said of a callback's URL before its name is looked up. Throws `address-refused`.
 * With networks opened, a name without a dot and another port are left to the check of the address connected to.
 */
export function checkCallbackUrl(url: string, rule: AddressRule): void {
  const parsed = parseHttpUrl(url);
  if (parsed === null) {
    throw new WhcbError("address-refused", "A callback's url must be an absolute http or https URL.");
  }
  if (rule.kind === "any") return;
  const host = hostOf(parsed);
  // The URL parser has turned every spelling of an address (decimal, octal, hex, short, full-width) into its usual one.
  if (isIP(host) !== 0) {
    if (!isAllowedNetwork(host, rule)) {
      throw new WhcbError("address-refused", `A callback's url must hold a domain name, not an address (${host}).`, {
        hint: "An operator can open a network with --allow-network CIDR.",
      });
    }
    return;
  }
  if (rule.allowed.length > 0) return;
  if (!isDomainName(host)) throw new WhcbError("address-refused", `${host} is no public domain name.`);
  if (!isPublicPort(parsed)) throw new WhcbError("address-refused", "A callback's url must use port 80 or 443.");
}

/** Whether `address`, the one that is about to be connected to, may be. `port`: 0..65535. */
export function isAddressAllowed(address: string, port: number, rule: AddressRule): boolean {
  if (rule.kind === "any") return true;
  if (isAllowedNetwork(address, rule)) return true;
  return (port === 80 || port === 443) && isPublicAddress(address);
}

/** Null where it isn't an absolute http or https URL. */
export function parseHttpUrl(url: string): URL | null {
  if (!URL.canParse(url)) return null;
  const parsed = new URL(url);
  return parsed.protocol === "http:" || parsed.protocol === "https:" ? parsed : null;
}

/** The host of a URL as a socket takes it: no brackets. */
function hostOf(url: URL): string {
  return url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
}

const GLOBAL_UNICAST: Network = [ipaddr.parse("2000::"), 3];
/** The one metadata service that lives at a public address (Azure's). */
const AZURE_WIRE_SERVER = "168.63.129.16";

function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || address === AZURE_WIRE_SERVER) return false;
  const parsed = ipaddr.parse(address);
  // "unicast" is what is left when every special range is taken away: private, shared, mapped, translated, tunnelled, reserved …
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || parsed.match(GLOBAL_UNICAST);
}

function isAllowedNetwork(address: string, rule: PublicRule): boolean {
  if (rule.allowed.length === 0 || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  return rule.allowed.some((network) => network[0].kind() === parsed.kind() && parsed.match(network));
}

function parseNetwork(text: string): Network {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  if (isIP(text) !== 0) return [ipaddr.parse(text), isIP(text) === 4 ? 32 : 128];
  throw new WhcbError("usage", `${text} is no network: it must be an address with a prefix length, like 10.0.0.0/8.`);
}

function isDomainName(host: string): boolean {
  // A trailing dot would hide a name from a receiver's own rules, and a single label is a host of the house.
  return /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(host);
}

function isPublicPort(url: URL): boolean {
  return url.port === "" || url.port === "80" || url.port === "443";
}
