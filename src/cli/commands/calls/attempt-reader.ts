/** Reads the attempts of a callback that a service has recorded since the last reading, each once. */
import type { Client, ListedAttempt, ListedCall, ListedCallback } from "../../../client/client.js";
import type { KeptMemory } from "../../../client/list-walker.js";

export interface FollowedAttempt {
  readonly callback: ListedCallback;
  readonly callId: string;
  readonly status: ListedCall["status"];
  readonly attemptedAt: number | null;
  readonly statusCode: number | null;
  readonly statusMessage: string | null;
  /** `details` is null if the service doesn't list attempts: the rest is all that it says about a call's last one. */
  readonly details: ListedAttempt | null;
}

/**
 * An attempt is recorded when it has ended, but listed by its beginning: one that takes 65 s appears that far down the list. A whole window is
 * read now and then, and its end at each reading.
 */
const WINDOW_MS = 120_000;
const END_MS = 2_000;

/** `Known` has what was shown of a call, or was there at the start. */
interface Known {
  /** `number` is 0 if the service doesn't number attempts. */
  readonly number: number;
  readonly attemptedAt: number | null;
}

export class AttemptReader {
  readonly callback: ListedCallback;
  readonly #client: Client;
  readonly #windowEachMs: number;
  readonly #known = new Map<string, Known>();
  /** `newestAt` is by the service's clock, and null before the first attempt. */
  #newestAt: number | null = null;
  /** Older attempts are neither known nor shown. It is null before the first attempt. */
  #windowFrom: number | null = null;
  #windowReadAtMs: number | null = null;

  constructor(client: Client, callback: ListedCallback, windowEachMs: number) {
    this.#client = client;
    this.callback = callback;
    this.#windowEachMs = windowEachMs;
  }

  /** Remembers what the newest calls have already, which isn't shown. Throws as `read`. */
  async begin(nowMs: number, kept: KeptMemory): Promise<void> {
    await this.#findNewest(1, kept);
    // If only clients have sent the newest calls, older ones have the service's clock.
    if (this.#newestAt === null) await this.#findNewest(Number.POSITIVE_INFINITY, kept);
    if (this.#newestAt === null) return;
    this.#windowFrom = this.#newestAt - WINDOW_MS;
    await this.read(nowMs, kept, () => undefined);
  }

  async #findNewest(limit: number, kept: KeptMemory): Promise<void> {
    for await (const { calls } of this.#client.listCalls(this.callback.id, { filter: {}, limit, withAttempts: true })) {
      for (const call of calls) {
        kept.add(call.id.length);
        this.#known.set(call.id, knownOf(call));
        this.#newestAt = latest(this.#newestAt, newestOf(call));
      }
      if (this.#newestAt !== null) return;
    }
  }

  /**
   * Returns them by their beginning, and calls `onAnswer` after each request. If it throws, the next reading returns them all. Throws
   * `unavailable` if what is kept takes too much with what `kept` has of other callbacks.
   */
  async read(nowMs: number, kept: KeptMemory, onAnswer: () => void): Promise<readonly FollowedAttempt[]> {
    const isWindow = this.#windowReadAtMs === null || nowMs - this.#windowReadAtMs >= this.#windowEachMs;
    const since = this.#newestAt === null ? null : isWindow ? this.#windowFrom : this.#newestAt - END_MS;
    const fresh: FollowedAttempt[] = [];
    const known = new Map<string, Known>();
    for (const id of this.#known.keys()) kept.add(id.length);
    let newestAt = this.#newestAt;
    const query = { filter: since === null ? {} : { since }, withAttempts: true };
    for await (const { calls, leftOut } of this.#client.listCalls(this.callback.id, query)) {
      onAnswer();
      for (const call of calls) {
        for (const attempt of this.#freshOf(call)) {
          const { callId, statusMessage, details } = attempt;
          kept.keep([callId, statusMessage, details]);
          fresh.push(attempt);
        }
        known.set(call.id, knownOf(call));
        newestAt = latest(newestAt, newestOf(call));
      }
      // The list is newest first, so a service that ignores `since` has passed it.
      if (leftOut > 0) break;
    }
    onAnswer();
    for (const [id, each] of known) this.#known.set(id, each);
    this.#newestAt = newestAt;
    if (isWindow) this.#endWindow(nowMs);
    return fresh.sort((one, other) => (one.attemptedAt ?? 0) - (other.attemptedAt ?? 0));
  }

  #freshOf(call: ListedCall): FollowedAttempt[] {
    const before = this.#known.get(call.id);
    const common = { callback: this.callback, callId: call.id, status: call.status };
    if (call.attempts === undefined) {
      if (before !== undefined && before.attemptedAt === call.attemptedAt) return [];
      const { attemptedAt, statusCode, statusMessage } = call;
      return [{ ...common, attemptedAt, statusCode, statusMessage, details: null }];
    }
    const isFresh = ({ number, attemptedAt }: ListedAttempt) =>
      before === undefined ? attemptedAt >= (this.#windowFrom ?? attemptedAt) : number > before.number;
    return call.attempts.filter(isFresh).map((details) => {
      const { attemptedAt, statusCode, statusMessage } = details;
      return { ...common, attemptedAt, statusCode, statusMessage, details };
    });
  }

  #endWindow(nowMs: number): void {
    this.#windowReadAtMs = nowMs;
    if (this.#newestAt === null) return;
    const from = Math.max(this.#windowFrom ?? Number.NEGATIVE_INFINITY, this.#newestAt - WINDOW_MS);
    this.#windowFrom = from;
    for (const [id, { attemptedAt }] of this.#known) {
      if (attemptedAt !== null && attemptedAt < from) this.#known.delete(id);
    }
  }
}

function knownOf({ attempts = [], attemptedAt }: ListedCall): Known {
  return { number: attempts.reduce((most, { number }) => Math.max(most, number), 0), attemptedAt };
}

/** Leaves out a client's replay, which has the client's clock. */
function newestOf({ attempts = [], attemptedAt }: ListedCall): number | null {
  if (attempts.length === 0) return attemptedAt;
  return attempts
    .filter(({ sentFrom }) => sentFrom === null)
    .reduce<number | null>((most, each) => latest(most, each.attemptedAt), null);
}

function latest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}
