/** From a host's name to its addresses: each name asked for once at a time, and what came back kept for a short while. */
import type { Clock } from "../platform/clock.js";
import { DeliveryFailure } from "./delivery-failure.js";
import { type FoundAddresses, type NameSource, systemNameSource } from "./name-source.js";

export interface NameResolver {
  /** At least one address, in the order in which they should be tried. Rejects with a DeliveryFailure of reason `dns`. */
  resolve(name: string): Promise<readonly string[]>;
}

export interface NameResolverOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly source?: NameSource;
}

/** Short, so that an endpoint that moves is followed; long enough that a name server isn't asked for each connection. */
const SHORTEST_MS = 1_000;
const LONGEST_MS = 60_000;
/** A name that doesn't resolve is asked for again soon: somebody may be mending it. */
const FAILURE_MS = 2_000;
const MAX_NAMES = 2_000;

interface Known {
  readonly answer: Promise<readonly string[]>;
  /** On the monotonic clock; Infinity while it is being asked for. */
  until: number;
}

export function createNameResolver(options: NameResolverOptions): NameResolver {
  const source = options.source ?? systemNameSource({ clock: options.clock });
  const known = new Map<string, Known>();

  function ask(name: string): Known {
    const found = source(name);
    const entry: Known = { answer: found.then(addressesOf(name), failedToFind(name)), until: Number.POSITIVE_INFINITY };
    const keepFor = (ms: number) => {
      entry.until = options.clock.monotonicMs() + ms;
    };
    found.then(({ ttlMs }) => keepFor(Math.min(Math.max(ttlMs, SHORTEST_MS), LONGEST_MS))).catch(() => keepFor(FAILURE_MS));
    // The one who asked hears of a failure; nobody else must.
    entry.answer.catch(() => undefined);
    return entry;
  }

  return {
    resolve(name) {
      const before = known.get(name);
      if (before !== undefined && before.until > options.clock.monotonicMs()) return before.answer;
      known.delete(name);
      for (const oldest of known.keys()) {
        if (known.size < MAX_NAMES) break;
        known.delete(oldest);
      }
      const entry = ask(name);
      known.set(name, entry);
      return entry.answer;
    },
  };
}

function addressesOf(name: string): (found: FoundAddresses) => readonly string[] {
  return ({ addresses }) => {
    if (addresses.length === 0) throw new DeliveryFailure("dns", `${name} has no address`);
    return addresses;
  };
}

function failedToFind(name: string): (error: unknown) => never {
  return (error) => {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const detail =
      code === "ENOTFOUND" || code === "ENODATA"
        ? `there is no host named ${name}`
        : `no name server could say where ${name} is${code === "" ? "" : ` (${code})`}`;
    throw new DeliveryFailure("dns", detail, error);
  };
}
