import type { Limit, LimitChange, LimitState, LimitStore } from "../../store/nodes/limits.js";

export type ClientLimits = ReturnType<typeof clientLimits>;

/** Each place in a list of keys has this limit: made-up names can't fill the memory, nor push out what is in another place. */
const MAX_KNOWN = 30_000;
const NOTHING: LimitState = [];

/** The counts that limit clients are in memory, or in the database for all of its nodes. */
export function clientLimits(shared: LimitStore | null) {
  const places: Map<string, Limit>[] = [];
  const find = (key: string, place: number) => places[place]?.get(key);
  const knownStates = (keys: readonly string[]) => keys.map((key, place) => find(key, place)?.state ?? NOTHING);

  return {
    /** Returns what this process knows: all, or what it saw last. A limit that this reaches is reached. */
    knownStates,

    /** Is atomic: it runs `change` once with the outcome that counts, and at once if it is in memory. */
    changeStates<Result>(
      keys: readonly string[],
      change: (states: readonly LimitState[]) => LimitChange<Result>,
    ): Result | Promise<Result> {
      const applied = (before: readonly LimitState[]) => {
        const changed = change(before);
        for (const [place, key] of keys.entries()) {
          const limit = changed.states?.[place] ?? {
            state: before[place] ?? NOTHING,
            expiresAt: find(key, place)?.expiresAt ?? 0,
          };
          places[place] ??= new Map();
          setLatest(places[place], key, limit);
        }
        return changed;
      };
      if (shared === null) return applied(knownStates(keys)).result;
      return shared.changeLimits(keys, applied);
    },
  };
}

function setLatest(limits: Map<string, Limit>, key: string, limit: Limit): void {
  if (limit.state.length > 0) limits.set(key, limit);
  else limits.delete(key);
  if (limits.size <= MAX_KNOWN) return;
  // A limit that is used up expires later than one with a single failure.
  const byExpiry = [...limits].sort(([, one], [, other]) => one.expiresAt - other.expiresAt);
  for (const [expiring] of byExpiry.slice(0, MAX_KNOWN / 2)) limits.delete(expiring);
}
