/** Slows whoever guesses passwords: after some failures each further try has to wait, twice as long each time. */

const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
/** Entries kept; the oldest goes first, so that no number of made-up names fills the memory. */
const MOST_ENTRIES = 10_000;
/** Hashings under way at once; each takes 32 MiB and a thread. More than this many at a time are refused for a second. */
const MOST_TRIES_AT_ONCE = 8;

interface Failures {
  count: number;
  blockedUntil: number;
}

export class LoginThrottle {
  readonly #failures = new Map<string, Failures>();
  #tries = 0;

  /** How long `who` (user and address) has to wait before a try, in ms; 0: not at all. */
  waitMs(who: string, now: number): number {
    const blockedUntil = this.#failures.get(who)?.blockedUntil ?? 0;
    if (blockedUntil > now) return blockedUntil - now;
    return this.#tries >= MOST_TRIES_AT_ONCE ? FIRST_WAIT_MS : 0;
  }

  /** Runs one check of a password and counts how it went. */
  async attempt(who: string, now: () => number, check: () => Promise<boolean>): Promise<boolean> {
    this.#tries += 1;
    try {
      const isRight = await check();
      if (isRight) this.#failures.delete(who);
      else this.#recordFailure(who, now());
      return isRight;
    } finally {
      this.#tries -= 1;
    }
  }

  #recordFailure(who: string, now: number): void {
    const count = (this.#failures.get(who)?.count ?? 0) + 1;
    this.#failures.delete(who); // so that the map stays in order of the last failure
    const wait = count < FREE_FAILURES ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (count - FREE_FAILURES), LONGEST_WAIT_MS);
    this.#failures.set(who, { count, blockedUntil: now + wait });
    if (this.#failures.size > MOST_ENTRIES) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
  }
}
