import { idKey } from "./call.js";
import { cutText, type FilteredCall, reasonText } from "./call-filter.js";
import { HOUR_MS } from "./duration.js";
import { senderAddress } from "./message-response.js";

export const GROUP_KEYS = ["statusCode", "reason", "answer", "hour", "from", "messageId", "channel"] as const;
export type GroupKey = (typeof GROUP_KEYS)[number];

/** `GroupValues` has only the keys that the calls are grouped by. A value is null if the calls of the group have none. */
export interface GroupValues {
  readonly statusCode?: number | null;
  /** `reason` is as `reasonText` returns it. */
  readonly reason?: string | null;
  /** `answer` is as `answerStart` returns it. */
  readonly answer?: string | null;
  /** The last attempt began in the hour that begins at this instant, in UTC. */
  readonly hour?: number | null;
  /** `from` is as `senderAddress` returns it. */
  readonly from?: string | null;
  /** `messageId` is the id's key (`idKey`). */
  readonly messageId?: string | null;
  readonly channel?: string | null;
}

export interface CallGroup {
  readonly values: GroupValues;
  readonly count: number;
  /** The earliest of the calls' last attempts; it is null if no call has one. */
  readonly firstAttemptedAt: number | null;
  readonly lastAttemptedAt: number | null;
  /** `exampleId` is one of its calls, or null if that was removed meanwhile or has no id. */
  readonly exampleId: string | null;
}

/** These of the counted calls are still sent by the service. */
export interface RetriedCalls {
  readonly calls: number;
  /** They are null if no call has one. */
  readonly nextAt: number | null;
  readonly until: number | null;
}

export const NONE_RETRIED: RetriedCalls = { calls: 0, nextAt: null, until: null };

export function addRetried(one: RetriedCalls, other: RetriedCalls): RetriedCalls {
  const known = (values: readonly (number | null)[]) => values.filter((value) => value !== null);
  const [nextAt, until] = [known([one.nextAt, other.nextAt]), known([one.until, other.until])];
  return {
    calls: one.calls + other.calls,
    nextAt: nextAt.length === 0 ? null : Math.min(...nextAt),
    until: until.length === 0 ? null : Math.max(...until),
  };
}

export interface GroupedCall extends FilteredCall {
  readonly id: string;
}

export function groupOf(call: GroupedCall, by: readonly GroupKey[]): CallGroup {
  const { attemptedAt } = call;
  const values = Object.fromEntries(by.map((key) => [key, VALUES[key](call)]));
  return { values, count: 1, firstAttemptedAt: attemptedAt, lastAttemptedAt: attemptedAt, exampleId: call.id || null };
}

const VALUES: { readonly [Key in GroupKey]: (call: GroupedCall) => GroupValues[Key] } = {
  statusCode: ({ statusCode }) => statusCode,
  reason: reasonText,
  answer: ({ answer }) => answerStart(answer ?? ""),
  hour: ({ attemptedAt }) => (attemptedAt === null ? null : Math.floor(attemptedAt / HOUR_MS) * HOUR_MS),
  from: ({ response }) => cutText(senderAddress(response.from)) || null,
  messageId: ({ response }) => cutText(idKey(response.messageId)) || null,
  channel: ({ response }) => cutText(response.responseMessage.channel) || null,
};

/** Returns the beginning of what the endpoint answered, with an ellipsis if there was more, or null without an answer. */
export function answerStart(answer: string): string | null {
  const start = cutText(answer);
  return start.length < answer.length ? `${start}…` : start || null;
}

export function isGroupKey(text: string): text is GroupKey {
  return GROUP_KEYS.some((key) => key === text);
}

/** Adds groups up. It holds `maxGroups` at most; calls of further groups are only counted. */
export class CallGroups {
  readonly #by: readonly GroupKey[];
  readonly #maxGroups: number;
  readonly #groups = new Map<string, CallGroup>();
  #textLength = 0;
  #calls = 0;
  #otherCalls = 0;

  constructor(by: readonly GroupKey[], maxGroups: number) {
    this.#by = by;
    this.#maxGroups = maxGroups;
  }

  add(group: CallGroup): void {
    this.#calls += group.count;
    const key = JSON.stringify(this.#by.map((name) => group.values[name] ?? null));
    const known = this.#groups.get(key);
    if (known === undefined && this.#groups.size >= this.#maxGroups) this.#otherCalls += group.count;
    else this.#groups.set(key, known === undefined ? group : sumOf(known, group));
    if (known === undefined) this.#textLength += key.length;
  }

  get size(): number {
    return this.#groups.size;
  }

  /** The values of all groups that were added have so many characters as JSON. */
  get textLength(): number {
    return this.#textLength;
  }

  get calls(): number {
    return this.#calls;
  }

  /** The number of calls whose groups aren't held. */
  get otherCalls(): number {
    return this.#otherCalls;
  }

  /** Sorts by the number of calls, largest first, then the latest first, then by values, as databases return equal ones in any order. */
  sorted(): CallGroup[] {
    const sorted = [...this.#groups].sort(
      ([key, one], [otherKey, other]) =>
        other.count - one.count || (other.lastAttemptedAt ?? 0) - (one.lastAttemptedAt ?? 0) || (key < otherKey ? -1 : 1),
    );
    return sorted.map(([, group]) => group);
  }
}

function sumOf(one: CallGroup, other: CallGroup): CallGroup {
  const isLater = (other.lastAttemptedAt ?? -1) > (one.lastAttemptedAt ?? -1);
  const [earlier, later] = isLater ? [one, other] : [other, one];
  const starts = [one.firstAttemptedAt, other.firstAttemptedAt].filter((at) => at !== null);
  return {
    values: one.values,
    count: one.count + other.count,
    firstAttemptedAt: starts.length === 0 ? null : Math.min(...starts),
    lastAttemptedAt: later.lastAttemptedAt,
    exampleId: later.exampleId ?? earlier.exampleId,
  };
}
