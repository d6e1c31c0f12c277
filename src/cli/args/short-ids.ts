/** A call may be named by the beginning of its id. Never guesses. */
import type { Client, ListedCallback } from "../../client/client.js";
import { type CallIdMatches, ID_PREFIX, isIdPrefix } from "../../domain/call.js";
import { count } from "../../domain/count.js";
import { WhcbError } from "../../domain/errors.js";
import type { Screen } from "../output/screen.js";

/** Whole ids cost no request and stay as they are. Throws `usage` if several calls match, `not-found` if none does. */
export async function completeCallIds(
  words: readonly string[],
  listCallbacks: () => Promise<readonly ListedCallback[]>,
  client: Client,
  screen: Pick<Screen, "info">,
): Promise<readonly string[]> {
  const prefixes = [...new Set(words.filter(isShortId))];
  const tooShort = [...new Set(words.filter((word) => /^[\da-f]{1,5}$/i.test(word)))];
  if (prefixes.length + tooShort.length === 0) return words;
  const found = new Map<string, CallIdMatches>(prefixes.map((prefix) => [prefix, { callIds: [], hasMore: false }]));
  const chosenByCaller = new Set<string>();
  for (const { id, name } of await listCallbacks()) {
    const matches = await client.findCallIds(id, prefixes, (calls, requests) =>
      screen.info(`looking for short ids among the newest ${calls} calls of ${name || id}: up to ${count(requests, "request")}`),
    );
    for (const [prefix, { callIds, hasMore }] of matches) {
      const before = found.get(prefix);
      found.set(prefix, { callIds: [...(before?.callIds ?? []), ...callIds], hasMore: hasMore || before?.hasMore === true });
    }
    for (const call of await client.findCalls(id, tooShort)) chosenByCaller.add(call.id.toUpperCase());
  }
  const missing = tooShort.find((word) => !chosenByCaller.has(word.toUpperCase()));
  if (missing !== undefined) throw new WhcbError("not-found", `no such call: ${missing}`, { hint: LENGTHS });
  return words.map((word) => {
    const matches = found.get(word);
    return matches === undefined ? word : onlyMatch(word, matches);
  });
}

/** A whole id has 16 digits on some services. */
const WHOLE_ID_DIGITS = 16;
const LENGTHS = `a call can be named by the first ${ID_PREFIX} of its id, but not ${WHOLE_ID_DIGITS}, which are a whole id on some services`;

function isShortId(word: string): boolean {
  return isIdPrefix(word) && word.length !== WHOLE_ID_DIGITS;
}

const SHOWN = 5;

function onlyMatch(prefix: string, { callIds, hasMore }: CallIdMatches): string {
  const [first, second] = callIds;
  if (first !== undefined && second === undefined && !hasMore) return first;
  if (second !== undefined) {
    const others = hasMore || callIds.length > SHOWN ? ", …" : "";
    const shown = `${callIds.slice(0, SHOWN).join(", ")}${others}`;
    throw new WhcbError("usage", `several calls begin with ${prefix}: ${shown}`, { hint: "type more of the id" });
  }
  if (hasMore)
    throw new WhcbError("usage", `too many calls to tell which one ${prefix} is`, { hint: "type more of the id, or all of it" });
  throw new WhcbError("not-found", `no call begins with ${prefix}`, { hint: "`whcb calls list … -o ids` lists ids" });
}

/** For ids that weren't found. */
export function shortIdHint(ids: readonly string[]): string | undefined {
  return ids.some((id) => /^[\da-f]+$/i.test(id) && id.length === WHOLE_ID_DIGITS) ? LENGTHS : undefined;
}
