/** Reads what a service says about a callback now, in a few requests. */
import type { Client, ListedCall, ListedCallback, ListedOutage } from "../../../client/client.js";
import type { KeptMemory } from "../../../client/list-walker.js";
import type { CallFilter } from "../../../domain/call-filter.js";

/** `ShownCall` is as much of a failed call as is shown. */
export interface ShownCall
  extends Pick<ListedCall, "id" | "status" | "attemptedAt" | "statusCode" | "statusMessage" | "attemptCount"> {
  readonly response: Pick<ListedCall["response"], "from">;
}

interface FailureReading {
  /** `failed` is null if the service doesn't say. */
  readonly failed: number | null;
  /** `failures` are those since the last reading, newest first; the first reading has none. */
  readonly failures: readonly ShownCall[];
  /** So many more failed than `failures` has. */
  readonly moreFailures: number;
}

export interface CallbackReading extends FailureReading {
  readonly callback: ListedCallback;
  /** `readAtMs` is the monotonic time of the answer. */
  readonly readAtMs: number;
  /** Each is null if the service doesn't say. */
  readonly pending: number | null;
  readonly succeeded: number | null;
  /** `outage` is open, or null if there is none or it isn't returned. */
  readonly outage: ListedOutage | null;
}

const MOST_FAILURES = 100;

export class CallbackReader {
  readonly #client: Client;
  readonly #callback: ListedCallback;
  readonly #monotonicMs: () => number;
  /** `newestAt` is the newest failure's last attempt, by the service's clock, and null before the first reading. */
  #newestAt: number | null = null;
  /** `known` are the failures of `newestAt`: a date may have no more than minutes. */
  #known = new Set<string>();

  constructor(client: Client, callback: ListedCallback, monotonicMs: () => number) {
    this.#client = client;
    this.#callback = callback;
    this.#monotonicMs = monotonicMs;
  }

  /**
   * Takes the open outages of all callbacks, and calls `onAnswer` after each request. Throws `unavailable` if what is kept takes too much
   * with what `kept` has of other callbacks.
   */
  async read(outages: readonly ListedOutage[], kept: KeptMemory, onAnswer: () => void): Promise<CallbackReading> {
    const { id } = this.#callback;
    const outage = outages.find(({ callbackId, endedAt }) => callbackId === id && endedAt === null) ?? null;
    const count = async (filter: CallFilter): Promise<number | null> => {
      const { total } = await this.#list(filter, 1, kept);
      onAnswer();
      return total;
    };
    // It is counted first: a call that ends meanwhile is counted twice in this reading, but never left out, so no more fail than come in.
    const { capabilities } = this.#client;
    const pending = capabilities.has("pending-lists") ? await count({ status: "PENDING" }) : null;
    const succeeded = await count({ status: "SUCCESS" });
    const failures = await this.#readFailures(kept);
    onAnswer();
    // A service that lists outages also says its endpoints' states.
    const callback = capabilities.has("outages") ? kept.keep(await this.#client.getCallback(id)) : this.#callback;
    return {
      callback,
      pending,
      succeeded,
      ...failures,
      readAtMs: this.#monotonicMs(),
      outage,
    };
  }

  async #readFailures(kept: KeptMemory): Promise<FailureReading> {
    const isFirst = this.#newestAt === null;
    const alreadyKnown = this.#known.size;
    for (const attempt of this.#known) kept.add(attempt.length);
    const { calls, total } = await this.#list(
      { status: "FAILED" },
      Math.min(MOST_FAILURES, this.#client.capabilities.rowsPerPage),
      kept,
    );
    const since = this.#newestAt ?? Number.NEGATIVE_INFINITY;
    const recent = calls.filter(({ attemptedAt }) => attemptedAt !== null && attemptedAt >= since);
    const fresh = recent.filter((call) => !this.#known.has(attemptOf(call)));
    this.#newestAt = Math.max(since, ...recent.map(({ attemptedAt }) => attemptedAt ?? since), 0);
    const newest = recent.filter(({ attemptedAt }) => attemptedAt === this.#newestAt);
    this.#known = new Set([...newest.map(attemptOf), ...(this.#newestAt === since ? this.#known : [])]);
    const isCut = !isFirst && fresh.length === calls.length && calls.length > 0 && (total ?? 0) > calls.length;
    return {
      failures: isFirst ? [] : fresh,
      moreFailures: isCut ? await this.#countMore(since, this.#newestAt, calls.length + alreadyKnown, kept) : 0,
      failed: total,
    };
  }

  /** Leaves out later ones, which are in the next reading. */
  async #countMore(since: number, newestAt: number, listed: number, kept: KeptMemory): Promise<number> {
    const { total } = await this.#list({ status: "FAILED", since, until: newestAt + 1 }, 1, kept);
    return Math.max(0, (total ?? listed) - listed);
  }

  async #list(
    filter: CallFilter,
    limit: number,
    kept: KeptMemory,
  ): Promise<{ calls: readonly ShownCall[]; total: number | null }> {
    const calls: ShownCall[] = [];
    let total: number | null = null;
    let leftOut = 0;
    for await (const page of this.#client.listCalls(this.#callback.id, { filter, limit })) {
      for (const call of page.calls) calls.push(kept.keep(shownOf(call)));
      total ??= page.total;
      leftOut += page.leftOut;
    }
    // A service that ignores the filter counts other calls.
    return { calls, total: leftOut > 0 ? null : total };
  }
}

function shownOf({
  id,
  status,
  attemptedAt,
  statusCode,
  statusMessage,
  attemptCount,
  response: { from },
}: ListedCall): ShownCall {
  return { id, status, attemptedAt, statusCode, statusMessage, attemptCount, response: { from } };
}

function attemptOf({ id, attemptedAt }: ShownCall): string {
  return `${id} ${attemptedAt}`;
}
