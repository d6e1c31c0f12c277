/** A list may leave out calls, so a count of 0 doesn't show that all is well. */
import type { CallPage } from "../../client/call-requests.js";
import { count } from "../../domain/count.js";
import { WhcbError } from "../../domain/errors.js";

/** Counts, of a list that is read to its end, the calls that may match its filter and can't be used, or aren't listed. */
export class UncountedCalls {
  #pages = 0;
  #listed = 0;
  #onLastPage = 0;
  #unclear = 0;
  #total: number | null = null;

  add({ calls, withoutId, leftOut, unclear, total }: CallPage): void {
    this.#pages += 1;
    this.#onLastPage = calls.length + withoutId.length + leftOut;
    this.#listed += this.#onLastPage;
    this.#unclear += unclear;
    this.#total = total;
  }

  /** Returns null if there are none. */
  describe(callbackName: string): string | null {
    // A link promises a row.
    const promised = this.#pages > 1 && this.#onLastPage === 0 ? 1 : 0;
    const calls = this.#unclear + Math.max(promised, (this.#total ?? 0) - this.#listed);
    if (calls === 0) return null;
    return `${count(calls, "call")} of ${callbackName} more than can be counted: listed for another callback, without a status, or not at all`;
  }
}

/** Throws `unavailable` if there are any. */
export function requireCounted(uncounted: readonly (string | null)[]): void {
  const descriptions = uncounted.filter((description) => description !== null);
  if (descriptions.length > 0) throw new WhcbError("unavailable", descriptions.join("; "));
}
