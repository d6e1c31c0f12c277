/** Reads what `status` shows of a callback. */
import type { Client, ListedCall, ListedCallback, ListedOutage } from "../../../client/client.js";
import { mayHaveBeenTaken } from "../../../domain/attempt.js";
import type { FailureReason } from "../../../domain/call-filter.js";
import { addRetried, type CallGroup, groupOf, NONE_RETRIED, type RetriedCalls } from "../../../domain/call-groups.js";
import { HOUR_MS } from "../../../domain/duration.js";
import type { CodeCounts } from "../../output/outage-text.js";
import { UncountedCalls } from "../../output/uncounted-calls.js";

export interface CallbackState extends CallFigures {
  readonly callback: ListedCallback;
  readonly failed: number;
  /** A sentence says what of the list can't be counted. */
  readonly uncounted: string | null;
  /** `isCut` is true if only the newest FAILED calls were read. */
  readonly isCut: boolean;
  /** `isAtLeast` is true if there are more than `failed`, but it isn't known how many. */
  readonly isAtLeast: boolean;
  /** These calls will be retried. It is null if unknown: only `whcb serve` says. */
  readonly retried: RetriedCalls | null;
  /** `outages` are open, or null if the service doesn't return them. */
  readonly outages: readonly ListedOutage[] | null;
}

/** `CallFigures` count the FAILED calls that were read. */
export interface CallFigures extends CodeCounts {
  readonly looked: number;
  /** The endpoint may have these (`mayHaveBeenTaken`). */
  readonly openEnds: number;
  /** `byHour` are counted by hour of the last attempt: the last 24 hours of the clock, oldest first. */
  readonly byHour: readonly number[];
  readonly oldestAttemptAt: number | null;
  readonly newestAttemptAt: number | null;
}

const MOST_CALLS_READ = 20_000;
const FAILED = { status: "FAILED" } as const;
const BY = ["statusCode", "reason", "hour"] as const;

/** A service that counts calls itself is asked for that, mostly once. Others list them. */
export async function readCallbackState(
  client: Client,
  callback: ListedCallback,
  now: number,
  onRead: (figures: CallFigures, total: number | null) => void,
): Promise<CallbackState> {
  const outages = (await client.listOutages(callback.id))?.filter(({ endedAt }) => endedAt === null) ?? null;
  const { capabilities } = client;
  const summary = new CallSummary(now);
  if (capabilities.has("exact-lists") && !capabilities.lacks("groups")) {
    let retried: RetriedCalls | null = NONE_RETRIED;
    for await (const part of client.groupCalls(callback.id, { filter: FAILED, by: BY })) {
      for (const group of part.groups) summary.add(group);
      retried = retried && part.retried && addRetried(retried, part.retried);
      onRead(summary.read(), part.total);
    }
    const figures = summary.read();
    return { callback, failed: figures.looked, uncounted: null, isCut: false, isAtLeast: false, outages, ...figures, retried };
  }
  const rest = new UncountedCalls();
  let retried = NONE_RETRIED;
  let total: number | null = null;
  for await (const page of client.listCalls(callback.id, { filter: FAILED, limit: MOST_CALLS_READ })) {
    total ??= page.total;
    rest.add(page);
    for (const call of [...page.calls, ...page.withoutId]) {
      summary.add(groupOf(call, BY));
      retried = addRetried(retried, retriedOf(call));
    }
    onRead(summary.read(), total);
  }
  const figures = summary.read();
  const isExact = capabilities.has("exact-lists");
  const failed = isExact ? Math.max(figures.looked, total ?? 0) : figures.looked;
  const isAtLeast = !isExact && figures.looked >= MOST_CALLS_READ;
  return {
    callback,
    failed,
    uncounted: isExact || isAtLeast ? null : rest.describe(callback.name),
    isCut: isAtLeast || failed > figures.looked,
    isAtLeast,
    outages,
    ...figures,
    retried: capabilities.has("retry-reports") ? retried : null,
  };
}

function retriedOf({ nextAttemptAt, retryUntil }: ListedCall): RetriedCalls {
  return nextAttemptAt === null ? NONE_RETRIED : { calls: 1, nextAt: nextAttemptAt, until: retryUntil };
}

class CallSummary {
  readonly #now: number;
  readonly #byCode = new Map<number | null, number>();
  readonly #byHour: number[] = Array.from({ length: 24 }, () => 0);
  #looked = 0;
  #unsent = 0;
  #openEnds = 0;
  #oldest: number | null = null;
  #newest: number | null = null;

  constructor(now: number) {
    this.#now = now;
  }

  add({ values, count, firstAttemptedAt, lastAttemptedAt }: CallGroup): void {
    const { statusCode = null, reason, hour } = values;
    this.#looked += count;
    this.#byCode.set(statusCode, (this.#byCode.get(statusCode) ?? 0) + count);
    if (statusCode === null && reason === NOT_SENT) this.#unsent += count;
    if (mayHaveBeenTaken(statusCode, reason ?? null)) this.#openEnds += count;
    if (firstAttemptedAt !== null) this.#oldest = Math.min(this.#oldest ?? firstAttemptedAt, firstAttemptedAt);
    if (lastAttemptedAt !== null) this.#newest = Math.max(this.#newest ?? lastAttemptedAt, lastAttemptedAt);
    if (hour == null) return;
    const hoursAgo = Math.max(0, Math.floor(this.#now / HOUR_MS) - hour / HOUR_MS);
    if (hoursAgo < 24) this.#byHour[23 - hoursAgo] = (this.#byHour[23 - hoursAgo] ?? 0) + count;
  }

  read(): CallFigures {
    return {
      looked: this.#looked,
      statusCodes: [...this.#byCode].map(([statusCode, calls]) => ({ statusCode, calls })).sort((a, b) => b.calls - a.calls),
      unsent: this.#unsent,
      openEnds: this.#openEnds,
      byHour: [...this.#byHour],
      oldestAttemptAt: this.#oldest,
      newestAttemptAt: this.#newest,
    };
  }
}

const NOT_SENT: FailureReason = "not-sent";
