import type { RecordWithTtl } from "node:dns";
import { lookup, Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { systemErrorCode } from "../domain/errors.js";
import type { MonotonicClock, Timers } from "../platform/clock.js";
import { DeliveryFailure, OwnShortage, ownShortage } from "./delivery-failure.js";

export interface NameResolver {
  /**
   * Resolves to at least one address, in order. Rejects with a DeliveryFailure of reason `dns`, or with `unavailable` for what this
   * machine lacks.
   */
  resolve(name: string): Promise<readonly string[]>;
}

export interface NameResolverOptions {
  readonly clock: MonotonicClock;
  readonly timers: Timers;
  /** Whether names without a dot are completed. The default is false. */
  readonly usesSearchDomains?: boolean;
  readonly source?: NameSource;
}

export interface FoundAddresses {
  readonly addresses: readonly string[];
  readonly ttlMs: number;
}

/** Rejects with a node:dns `code` (ENOTFOUND: no such name; ECONNREFUSED: no DNS server can be reached). */
export type NameSource = (name: string) => Promise<FoundAddresses>;

/** An answer is cached briefly, because an endpoint may move. */
const MIN_TTL_MS = 1_000;
const MAX_TTL_MS = 60_000;
/** A failure is cached briefly, because someone may be fixing the name. */
const FAILURE_TTL_MS = 2_000;
const MAX_NAMES = 2_000;
/** More addresses are dropped, because an attempt may connect to all of them. */
const MAX_ADDRESSES = 16;
const TIMEOUTS: ReadonlySet<string> = new Set(["ETIMEOUT", "EAI_AGAIN"]);

interface CacheEntry {
  readonly answer: Promise<readonly string[]>;
  /** This instant is monotonic, and Infinity while the lookup is in flight. */
  expiresAt: number;
}

export function createNameResolver(options: NameResolverOptions): NameResolver {
  const { clock, timers } = options;
  const source = options.source ?? systemNameSource(options, () => readFile(HOSTS_FILE, "utf8"));
  const cache = new Map<string, CacheEntry>();

  /** Looks up again after a stop of the process, of which the timers of c-ares and the system don't know. */
  async function lookUp(name: string): Promise<FoundAddresses> {
    const stoppedBeforeMs = timers.stoppedMs();
    try {
      return await source(name);
    } catch (error) {
      const isTimeout = TIMEOUTS.has(systemErrorCode(error));
      if (isTimeout && timers.stoppedMs() > stoppedBeforeMs) return lookUp(name);
      throw error;
    }
  }

  function startLookup(name: string): CacheEntry {
    const found = lookUp(name);
    const entry: CacheEntry = { answer: found.then(addressesOf(name), failLookup(name)), expiresAt: Number.POSITIVE_INFINITY };
    const expireIn = (ms: number) => {
      entry.expiresAt = clock.monotonicMs() + ms;
    };
    found.then(({ ttlMs }) => expireIn(Math.min(Math.max(ttlMs, MIN_TTL_MS), MAX_TTL_MS))).catch(() => expireIn(FAILURE_TTL_MS));
    // The caller handles it.
    entry.answer.catch(() => undefined);
    return entry;
  }

  return {
    resolve(name) {
      const cached = cache.get(name);
      if (cached !== undefined && cached.expiresAt > clock.monotonicMs()) return cached.answer;
      cache.delete(name);
      for (const oldest of cache.keys()) {
        if (cache.size < MAX_NAMES) break;
        cache.delete(oldest);
      }
      const entry = startLookup(name);
      cache.set(name, entry);
      return entry.answer;
    },
  };
}

function addressesOf(name: string): (found: FoundAddresses) => readonly string[] {
  return ({ addresses }) => {
    if (addresses.length === 0) throw new DeliveryFailure("dns", `${name} has no address`);
    return addresses.slice(0, MAX_ADDRESSES);
  };
}

function failLookup(name: string): (error: unknown) => never {
  return (error) => {
    const shortage = ownShortage(error);
    if (shortage !== null) throw shortage;
    const code = systemErrorCode(error);
    if (code === "ECONNREFUSED") {
      throw new OwnShortage(`no DNS server can be reached (${code})`, "Check this machine's network and its DNS servers.", error);
    }
    const detail =
      code === "ENOTFOUND" || code === "ENODATA"
        ? `there is no host named ${name}`
        : `the DNS lookup of ${name} failed${code === "" ? "" : ` (${code})`}`;
    throw new DeliveryFailure("dns", detail, error);
  };
}

/** Sources that give no time to live have this one. */
const DEFAULT_TTL_MS = 10_000;
const HOSTS_FILE_TTL_MS = 5_000;
/** c-ares doubles it for the second try; both stay under the connect timeout. */
const QUERY_TIMEOUT_MS = 1_500;
const QUERY_TRIES = 2;
/** IPv6 has this long after IPv4 has answered with addresses. RFC 8305 waits for 50 ms, but takes later answers too. */
const WAIT_FOR_IPV6_MS = 200;
/** IPv4 has longer, for the second try 2 s after a lost packet, because many machines have no route to IPv6 addresses. */
const WAIT_FOR_IPV4_MS = 2_500;
const HOSTS_FILE = process.platform === "win32" ? "C:\\Windows\\System32\\drivers\\etc\\hosts" : "/etc/hosts";

interface DnsQueries {
  resolve4(name: string, options: { ttl: true }): Promise<RecordWithTtl[]>;
  resolve6(name: string, options: { ttl: true }): Promise<RecordWithTtl[]>;
  /** Rejects the queries that haven't been answered yet. */
  cancel(): void;
}

export function systemNameSource(
  { clock, timers, usesSearchDomains = false }: NameResolverOptions,
  readFile: () => Promise<string>,
  openQueries: () => DnsQueries = openResolver,
  askSystem: NameSource = lookUpWithSystem,
): NameSource {
  const readHosts = (): Promise<HostNames> =>
    readFile().then(parseHosts, (error: unknown) => {
      if (ownShortage(error) !== null) throw error;
      return new Map();
    });
  const hosts = cachedHosts(clock, readHosts);
  return async (name) => {
    const plain = name.toLowerCase().replace(/\.$/, "");
    // Another program, also of another user, may listen at an address of this machine that the name doesn't have.
    const listed = (await hosts()).get(plain);
    if (listed !== undefined) return { addresses: listed, ttlMs: DEFAULT_TTL_MS };
    // RFC 6761 reserves these names: no DNS server is asked. A server may listen on only one of both addresses.
    if (plain === "localhost" || plain.endsWith(".localhost")) return { addresses: ["127.0.0.1", "::1"], ttlMs: DEFAULT_TTL_MS };
    const isCompleted = usesSearchDomains && !name.includes(".");
    try {
      return await queryDnsServers(name, openQueries, timers).then(
        // The system asks the search domains first, and this host may be a top-level domain's.
        (found) => (isCompleted ? askSystem(name) : found),
        (error: unknown) => {
          const code = systemErrorCode(error);
          // The system would ask the same servers and block a libuv thread.
          if (code === "ETIMEOUT") throw error;
          // The final dot keeps a search domain from turning a failure into the address of another host.
          return askSystem(isCompleted ? name : `${plain}.`).catch((systemError: unknown) => {
            // The system doesn't say that no server could be reached.
            throw code === "ECONNREFUSED" && systemErrorCode(systemError) === "EAI_AGAIN" ? error : systemError;
          });
        },
      );
    } catch (error) {
      // Both say that there is no such name if no file descriptor is free. This says why.
      await readHosts();
      throw error;
    }
  };
}

/** Makes a new Resolver, which reads resolv.conf again. */
function openResolver(): DnsQueries {
  return new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
}

/** Asks the DNS servers. A slow one delays only its own lookups. */
async function queryDnsServers(name: string, openQueries: () => DnsQueries, timers: Timers): Promise<FoundAddresses> {
  const queries = openQueries();
  const answers = [queries.resolve4(name, { ttl: true }), queries.resolve6(name, { ttl: true })] as const;
  await enoughAnswers(answers, timers);
  queries.cancel();
  const [four, six] = await Promise.allSettled(answers);
  const records = [...(four.status === "fulfilled" ? four.value : []), ...(six.status === "fulfilled" ? six.value : [])];
  if (records.length === 0 && four.status === "rejected") {
    // One of several servers may have been reached.
    throw six.status === "rejected" && systemErrorCode(four.reason) === "ECONNREFUSED" ? six.reason : four.reason;
  }
  // This machine may reach only the addresses that are missing.
  const isIncomplete = isUnknown(four, NO_RECORDS) || isUnknown(six, NO_IPV6);
  const ttlMs = isIncomplete ? MIN_TTL_MS : Math.min(...records.map(({ ttl }) => ttl)) * 1_000;
  return { addresses: records.map(({ address }) => address), ttlMs };
}

const NO_RECORDS: ReadonlySet<string> = new Set(["ENODATA", "ENOTFOUND"]);
/** A server that never answers for IPv6 isn't asked again for each attempt. */
const NO_IPV6: ReadonlySet<string> = new Set([...NO_RECORDS, "ECANCELLED"]);

function isUnknown(answer: PromiseSettledResult<unknown>, known: ReadonlySet<string>): boolean {
  return answer.status === "rejected" && !known.has(systemErrorCode(answer.reason));
}

type Answer = Promise<readonly RecordWithTtl[]>;

/** Resolves when both are settled, or one has addresses and the other takes too long: some servers never answer for one family. */
function enoughAnswers([four, six]: readonly [Answer, Answer], timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    let cancelTimer = () => {};
    const waitAtMost = (ms: number) => (records: readonly RecordWithTtl[]) => {
      // The answer may be a CNAME only.
      if (records.length === 0) return;
      cancelTimer();
      cancelTimer = timers.after(ms, resolve);
    };
    four.then(waitAtMost(WAIT_FOR_IPV6_MS)).catch(() => undefined);
    six.then(waitAtMost(WAIT_FOR_IPV4_MS)).catch(() => undefined);
    void Promise.allSettled([four, six]).then(() => {
      cancelTimer();
      resolve();
    });
  });
}

/** Asks getaddrinfo, which knows mDNS and search domains. */
async function lookUpWithSystem(name: string): Promise<FoundAddresses> {
  const entries = await lookup(name, { all: true, order: "verbatim" });
  return { addresses: entries.map(({ address }) => address), ttlMs: DEFAULT_TTL_MS };
}

type HostNames = ReadonlyMap<string, readonly string[]>;

function cachedHosts(clock: MonotonicClock, read: () => Promise<HostNames>): () => Promise<HostNames> {
  let hosts: Promise<HostNames> = Promise.resolve(new Map());
  let expiresAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.monotonicMs() >= expiresAt) {
      expiresAt = clock.monotonicMs() + HOSTS_FILE_TTL_MS;
      hosts = read();
      hosts.catch(() => {
        expiresAt = Number.NEGATIVE_INFINITY;
      });
    }
    return hosts;
  };
}

/** Reads the format of hosts(5). Names are in lower case. */
export function parseHosts(text: string): HostNames {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address, ...names] = (line.split("#")[0] ?? "").trim().split(/\s+/);
    if (address === undefined || isIP(address) === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const known = hosts.get(key);
      if (known === undefined) hosts.set(key, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return hosts;
}
