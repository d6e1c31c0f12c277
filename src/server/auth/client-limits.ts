import type { LimitChange, LimitState, LimitStore } from "../../store/nodes/node-store.js";

/** Counts that limit clients: in memory, or in the database for all of its nodes. */
export interface ClientLimits {
  /** What this process knows: all, or what it saw last. A limit that this reaches is reached. */
  known(keys: readonly string[]): readonly LimitState[];
  /** Atomic. Runs `change` once with the outcome that counts; at once, if it is in memory. */
  change<Result>(
    keys: readonly string[],
    change: (states: readonly LimitState[]) => LimitChange<Result>,
  ): Result | Promise<Result>;
}

/** The oldest goes first: made-up names can't fill the memory. */
const MAX_KNOWN = 30_000;
const NOTHING: LimitState = [];

export function clientLimits(shared: LimitStore | null): ClientLimits {
  const states = new Map<string, LimitState>();
  const known = (keys: readonly string[]) => keys.map((key) => states.get(key) ?? NOTHING);
  const remember = (keys: readonly string[], latest: readonly LimitState[]) => {
    for (const [index, key] of keys.entries()) setLatest(states, key, latest[index] ?? NOTHING);
  };

  return {
    known,
    change(keys, change) {
      const applied = (before: readonly LimitState[]) => {
        const changed = change(before);
        remember(keys, changed.states?.map(({ state }) => state) ?? before);
        return changed;
      };
      if (shared === null) return applied(known(keys)).result;
      return shared.changeLimits(keys, applied);
    },
  };
}

function setLatest(states: Map<string, LimitState>, key: string, state: LimitState): void {
  states.delete(key);
  if (state.length > 0) states.set(key, state);
  const [oldest] = states.keys();
  if (states.size > MAX_KNOWN && oldest !== undefined) states.delete(oldest);
}
