import { isIP, type Socket } from "node:net";
import ipaddr from "ipaddr.js";
import { WhcbError } from "../domain/errors.js";
import { parseUrl } from "../domain/mask.js";
import { interfaceAddresses, isLocalName, isLoopbackHost, isThisMachine } from "../platform/loopback.js";

/** "any" is for addresses that the user of this machine chose (docs/cli.md). */
export type AddressRule = { readonly kind: "any" } | PublicRule;

/** Refuses private, loopback, link-local and metadata addresses, and those of this machine. */
export interface PublicRule {
  readonly kind: "public";
  /** In these networks (--allow-network), IP addresses and any port are allowed. */
  readonly allowed: readonly Network[];
  /** Whether only domain names, and ports 80 and 443, are allowed. */
  readonly isWebOnly: boolean;
  readonly ownAddresses: () => readonly string[];
}

export type Network = [address: ipaddr.IPv4 | ipaddr.IPv6, prefixLength: number];

export const ANY_ADDRESS: AddressRule = { kind: "any" };

/** How a service is reached: the flags of `serve` that tell who uses it. */
export interface ServiceReach {
  readonly host: string;
  readonly trustedProxies: readonly string[];
  readonly allowHosts: readonly string[];
  readonly publicUrl: string | null;
  /** Without an API the service sends what other nodes accept. */
  readonly hasApi: boolean;
}

/** Throws as publicAddressRule. */
export function addressRuleFor(reach: ServiceReach, allowNetworks: readonly string[]): AddressRule {
  return isForThisMachineOnly(reach) ? ANY_ADDRESS : publicAddressRule(allowNetworks);
}

/** Behind a proxy, a service on loopback is for others too. */
export function isForThisMachineOnly({ host, trustedProxies, allowHosts, publicUrl, hasApi }: ServiceReach): boolean {
  const names = publicUrl === null ? allowHosts : [...allowHosts, new URL(publicUrl).hostname];
  return hasApi && isLoopbackHost(host) && trustedProxies.length === 0 && names.every(isThisMachine);
}

export interface PublicRuleOptions {
  /** The default is true. */
  readonly isWebOnly?: boolean;
  /** The default is the addresses of this machine's network interfaces. */
  readonly ownAddresses?: () => readonly string[];
}

/** Reads CIDRs or single addresses. Throws `usage`. */
export function publicAddressRule(
  allowNetworks: readonly string[] = [],
  { isWebOnly = true, ownAddresses = interfaceAddresses }: PublicRuleOptions = {},
): AddressRule {
  return { kind: "public", allowed: allowNetworks.map(parseNetwork), isWebOnly, ownAddresses };
}

/**
 * Checks a URL without DNS. Throws `address-refused`. With opened networks, names without a dot and other ports are left to
 * `isAddressAllowed`.
 */
export function checkCallbackUrl(url: string, rule: AddressRule, what = "A callback's url"): void {
  const parsed = parseHttpUrl(url);
  if (parsed === null) {
    throw new WhcbError("address-refused", `${what} must be an absolute http or https URL.`);
  }
  if (rule.kind === "any") return;
  const host = hostOf(parsed);
  // The URL parser normalizes IP addresses.
  if (isIP(host) !== 0) {
    if (isAllowedNetwork(host, rule)) return;
    if (rule.isWebOnly) {
      throw new WhcbError("address-refused", `${what} must contain a domain name, not an address (${host}).`, {
        hint: "An operator can allow a network with --allow-network CIDR.",
      });
    }
    if (isAddressAllowed(host, 0, rule)) return;
    throw new WhcbError("address-refused", `${host} isn't a public address.`, {
      hint: `--allow-network ${host}`,
    });
  }
  if (rule.allowed.length > 0) return;
  if (!isDomainName(host)) throw new WhcbError("address-refused", `${host} isn't a public domain name.`);
  if (rule.isWebOnly && !isPublicPort(parsed)) {
    throw new WhcbError("address-refused", `${what} must use port 80 or 443.`);
  }
}

export function isAddressAllowed(address: string, port: number, rule: AddressRule): boolean {
  if (rule.kind === "any") return true;
  if (isAllowedNetwork(address, rule)) return true;
  return (!rule.isWebOnly || port === 80 || port === 443) && isPublicAddress(address) && !isOneOf(address, rule.ownAddresses());
}

/** A connection to this machine has one address at both ends. Its interfaces don't list all that it answers at. */
export function isConnectionAllowed(ends: Pick<Socket, "localAddress" | "remoteAddress">, rule: AddressRule): boolean {
  const { localAddress, remoteAddress = "" } = ends;
  return rule.kind === "any" || localAddress !== remoteAddress || isAllowedNetwork(remoteAddress, rule);
}

/** Returns null unless the URL is an absolute http or https one. */
export function parseHttpUrl(url: string): URL | null {
  const parsed = parseUrl(url);
  return parsed?.protocol === "http:" || parsed?.protocol === "https:" ? parsed : null;
}

function hostOf(url: URL): string {
  return url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
}

const GLOBAL_UNICAST: Network = [ipaddr.parse("2000::"), 3];
/** Azure serves metadata at this public address. */
const AZURE_WIRE_SERVER = "168.63.129.16";

function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || address === AZURE_WIRE_SERVER) return false;
  const parsed = ipaddr.parse(address);
  // A unicast address is in none of the special ranges, such as those of 6to4, Teredo and NAT64.
  if (parsed.range() !== "unicast") return false;
  return parsed instanceof ipaddr.IPv4 || (parsed.match(GLOBAL_UNICAST) && !isIsatap(parsed));
}

/** An ISATAP address leads to the IPv4 address in its last 32 bits, whatever its network (RFC 5214). */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  const [, , , , flags = 0, mark] = parts;
  return (flags === 0 || flags === 0x0200) && mark === 0x5efe;
}

function isAllowedNetwork(address: string, rule: PublicRule): boolean {
  return ipaddr.isValid(address) && isInOne(ipaddr.parse(address), rule.allowed);
}

function isOneOf(address: string, ownAddresses: readonly string[]): boolean {
  const parsed = ipaddr.process(address).toNormalizedString();
  return ownAddresses.some((own) => ipaddr.isValid(own) && ipaddr.process(own).toNormalizedString() === parsed);
}

/** Reads CIDRs or single addresses. Throws `usage`. */
export function inNetworks(texts: readonly string[]): (address: string) => boolean {
  const networks = texts.map(parseNetwork);
  return (address) => ipaddr.isValid(address) && isInOne(ipaddr.process(address), networks);
}

function isInOne(address: ipaddr.IPv4 | ipaddr.IPv6, networks: readonly Network[]): boolean {
  return networks.some((network) => network[0].kind() === address.kind() && address.match(network));
}

function parseNetwork(text: string): Network {
  // ipaddr.js reads 192.168/16 as 192.0.0.168/16, and 010.0.0.0/8 as 8.0.0.0/8.
  if (isIP(text.split("/", 1)[0] ?? "") !== 0 && ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  if (isIP(text) !== 0) return [ipaddr.parse(text), isIP(text) === 4 ? 32 : 128];
  throw new WhcbError("usage", `${text} must be a network: an address with a prefix length, like 10.0.0.0/8.`);
}

function isDomainName(host: string): boolean {
  if (isLocalName(host)) return false;
  // A trailing dot could evade a proxy's rules; a single label is an internal host.
  return /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(host);
}

function isPublicPort(url: URL): boolean {
  return url.port === "" || url.port === "80" || url.port === "443";
}
