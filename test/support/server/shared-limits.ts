import type { Limit, LimitStore } from "../../../src/store/nodes/limits.js";

/** These limits are shared by several nodes, as those in a database are. */
export function sharedLimits() {
  const stored = new Map<string, Limit>();
  let changes = 0;
  const changeLimits: LimitStore["changeLimits"] = async (keys, change) => {
    changes += 1;
    const { states, result } = change(keys.map((key) => stored.get(key)?.state ?? []));
    for (const [index, limit] of states?.entries() ?? []) stored.set(keys[index] ?? "", limit);
    return result;
  };
  return { store: { changeLimits }, stored, countChanges: () => changes };
}
