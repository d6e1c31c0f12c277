/** Where names are looked up: the hosts file, then the name servers, then whatever else the system knows. See decisions. */
import { lookup, Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import type { Clock } from "../platform/clock.js";
import { parseHosts } from "./hosts-file.js";

export interface FoundAddresses {
  readonly addresses: readonly string[];
  /** How long it holds, as the name server says. */
  readonly ttlMs: number;
}

/** Rejects with an error whose `code` is one of node:dns, ENOTFOUND for a name that isn't there. */
export type NameSource = (name: string) => Promise<FoundAddresses>;

/** What the system says without a lifetime. */
const DEFAULT_TTL_MS = 10_000;
const HOSTS_FILE_KEPT_MS = 5_000;
/** For one query; the second try may take twice as long. Together they stay under the time that a connection has. */
const QUERY_TIMEOUT_MS = 1_500;
const QUERY_TRIES = 2;

export function systemNameSource({ clock }: { readonly clock: Pick<Clock, "monotonicMs"> }): NameSource {
  const hosts = cachedHosts(clock);
  return async (name) => {
    const plain = name.toLowerCase().replace(/\.$/, "");
    // Both, for a server that listens on one of them only (RFC 6761 leaves nobody to ask).
    if (plain === "localhost" || plain.endsWith(".localhost")) return { addresses: ["127.0.0.1", "::1"], ttlMs: DEFAULT_TTL_MS };
    const listed = (await hosts()).get(plain);
    if (listed !== undefined) return { addresses: listed, ttlMs: DEFAULT_TTL_MS };
    return askNameServers(name).catch((error: unknown) => {
      // Silence of the name servers isn't a no, and asking them once more on one of four threads would only block it.
      if (codeOf(error) === "ETIMEOUT") throw error;
      return askSystem(name);
    });
  };
}

/** c-ares: asynchronous, so that one slow name server stalls nobody who asks another. */
async function askNameServers(name: string): Promise<FoundAddresses> {
  // One each, so that servers changed in resolv.conf are heard of.
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  const [four, six] = await Promise.allSettled([resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })]);
  const records = [...(four.status === "fulfilled" ? four.value : []), ...(six.status === "fulfilled" ? six.value : [])];
  if (records.length === 0 && four.status === "rejected") throw four.reason;
  return { addresses: records.map(({ address }) => address), ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1_000 };
}

/** getaddrinfo: knows mDNS, search domains and what else the house has set up. libuv lets it have half of its threads at most. */
async function askSystem(name: string): Promise<FoundAddresses> {
  const entries = await lookup(name, { all: true, order: "verbatim" });
  return { addresses: entries.map(({ address }) => address), ttlMs: DEFAULT_TTL_MS };
}

function cachedHosts(clock: Pick<Clock, "monotonicMs">): () => Promise<ReadonlyMap<string, readonly string[]>> {
  let read: Promise<ReadonlyMap<string, readonly string[]>> = Promise.resolve(new Map());
  let until = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.monotonicMs() >= until) {
      until = clock.monotonicMs() + HOSTS_FILE_KEPT_MS;
      read = readFile(HOSTS_FILE, "utf8").then(parseHosts, () => new Map());
    }
    return read;
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

const HOSTS_FILE = process.platform === "win32" ? "C:\\Windows\\System32\\drivers\\etc\\hosts" : "/etc/hosts";
