/** The callback that a path names, by id or by name. */
import type { Callback } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import type { CallbackStore } from "../../store/store.js";

/** Settings change seldom and responses come by the thousand. Another node's change is noticed within this time. */
const FRESH_MS = 1000;
const MOST_KEPT = 1000;

export class CallbackLookup {
  readonly #store: CallbackStore;
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly callback: Callback; readonly until: number }>();

  constructor(store: CallbackStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** As it is in the store now. Throws `not-found`. */
  async find(idOrName: string): Promise<Callback> {
    // Neither an id nor a name is longer or holds one of these; some databases choke on them.
    const callback = idOrName.length > 64 || idOrName.includes("\0") ? null : await this.#store.findCallback(idOrName);
    if (callback === null) throw new WhcbError("not-found", `No callback ${idOrName.slice(0, 64)}`);
    return callback;
  }

  /** As it was at most a second ago: for the many requests that hand in responses. */
  async findRecent(idOrName: string): Promise<Callback> {
    const now = this.#clock.monotonicMs();
    const kept = this.#kept.get(idOrName);
    if (kept !== undefined && kept.until > now) return kept.callback;
    const callback = await this.find(idOrName);
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(idOrName, { callback, until: now + FRESH_MS });
    return callback;
  }

  /** Something was created, changed or deleted here: what is kept may be wrong. */
  forget(): void {
    this.#kept.clear();
  }
}
