/** A call that is typed as an argument may be named by the beginning of its id. This never guesses. */
import type { Client, ListedCallback } from "../../client/client.js";
import { type CallIdMatches, ID_PREFIX, isIdPrefix } from "../../domain/call.js";
import { count } from "../../domain/count.js";
import { WhcbError } from "../../domain/errors.js";
import type { Screen } from "../output/screen.js";

/**
 * A whole id of 32 digits, and a chosen one that can't be a beginning, cost no request. Throws `usage` if several calls match, `not-found` if
 * none does.
 */
export async function completeCallIds(
  words: readonly string[],
  listCallbacks: () => Promise<readonly ListedCallback[]>,
  client: Client,
  info: Screen["info"],
): Promise<readonly string[]> {
  const prefixes = [...new Set(words.filter(isIdPrefix))];
  const tooShort = [...new Set(words.filter((word) => /^[\da-f]{1,5}$/i.test(word)))];
  if (prefixes.length + tooShort.length === 0) return words;
  const found = new Map<string, CallIdMatches>(prefixes.map((prefix) => [prefix, { callIds: [], hasMore: false }]));
  const whole = new Set<string>();
  for (const { id, name } of await listCallbacks()) {
    const matches = await client.findCallIds(id, prefixes, (calls, requests) =>
      info(`looking for short ids among the newest ${calls} calls of ${name || id}: up to ${count(requests, "request")}`),
    );
    for (const [prefix, { callIds, hasMore }] of matches) {
      const before = found.get(prefix);
      found.set(prefix, { callIds: [...(before?.callIds ?? []), ...callIds], hasMore: hasMore || before?.hasMore === true });
    }
    for (const call of await client.findCalls(id, tooShort)) whole.add(call.id);
  }
  if (client.capabilities.has("exact-lists")) {
    // The callback may be the wrong one: ids of one moment begin alike.
    for (const [prefix, { callIds, hasMore }] of found) {
      const places = callIds.length === 0 ? null : await client.findCallPlaces(prefix);
      const others = places?.calls.map(({ id }) => id) ?? [];
      found.set(prefix, { callIds: [...new Set([...callIds, ...others])], hasMore: hasMore || places?.hasMore === true });
    }
  }
  const missing = tooShort.find((word) => !whole.has(word));
  if (missing !== undefined) throw new WhcbError("not-found", `no such call: ${missing}`, { hint: LENGTH_HINT });
  return words.map((word) => {
    const matches = found.get(word);
    return matches === undefined ? word : onlyMatch(word, matches);
  });
}

const LENGTH_HINT = `a call can be named by the first ${ID_PREFIX} of its id`;

/** Throws `usage` if several calls match, `not-found` if none does. */
export function onlyMatch(prefix: string, { callIds, hasMore }: CallIdMatches): string {
  const [first, second] = callIds;
  if (callIds.includes(prefix) && (second !== undefined || hasMore)) {
    throw new WhcbError("usage", `${prefix} is a call that a sender named so, and may be the beginning of another one`, {
      hint: "in --file and on stdin it is that call; of another one, type more of the id",
    });
  }
  if (second !== undefined) throw ambiguousBeginning("calls", prefix, { callIds, hasMore });
  if (hasMore)
    throw new WhcbError("usage", `too many calls to tell which one ${prefix} is`, { hint: "type more of the id, or all of it" });
  if (first !== undefined) return first;
  throw new WhcbError("not-found", `no call begins with ${prefix}`, { hint: "`whcb calls list … -o ids` lists ids" });
}

const MAX_SHOWN_IDS = 5;

/** `callIds` has two or more ids that begin with the prefix. */
export function ambiguousBeginning(noun: string, prefix: string, { callIds, hasMore }: CallIdMatches): WhcbError {
  const shown = `${callIds.slice(0, MAX_SHOWN_IDS).join(", ")}${hasMore || callIds.length > MAX_SHOWN_IDS ? ", …" : ""}`;
  const enough = digitsToTell(callIds);
  return new WhcbError("usage", `several ${noun} begin with ${prefix}: ${shown}`, {
    hint: hasMore
      ? `type at least ${enough} digits, or the whole id: there are more than were compared`
      : `${enough} digits are enough`,
  });
}

/** Returns how many first digits two or more ids must have to differ. */
function digitsToTell(ids: readonly string[]): number {
  const sorted = ids.map((id) => id.toUpperCase()).toSorted();
  return 1 + sorted.slice(1).reduce((most, id, index) => Math.max(most, commonLength(id, sorted[index] ?? "")), 0);
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}
