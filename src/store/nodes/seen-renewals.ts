/** Knows how long leases haven't been renewed by this process's monotonic clock, whatever other clocks say. */
export class SeenRenewals<Key> {
  #seen: ReadonlyMap<Key, Seen> = new Map();

  /**
   * `renewals` are all that there are, each with a value that every renewal changes, as read before the monotonic instant `now`.
   * Returns for how many ms each is known to be the same. With `isLate`, nobody may have been able to renew since the last look,
   * so all begin at 0.
   */
  look(renewals: ReadonlyMap<Key, number>, now: number, isLate: boolean): ReadonlyMap<Key, number> {
    const before = isLate ? new Map<Key, Seen>() : this.#seen;
    this.#seen = new Map(
      Array.from(renewals, ([key, renewal]) => {
        const seen = before.get(key);
        return [key, seen?.renewal === renewal ? seen : { renewal, since: now }];
      }),
    );
    return new Map(Array.from(this.#seen, ([key, { since }]) => [key, now - since]));
  }
}

interface Seen {
  readonly renewal: number;
  readonly since: number;
}
