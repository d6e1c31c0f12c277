/** Slows whoever guesses passwords: after some failures each further try has to wait, twice as long each time. */

const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
/** Entries kept; the oldest goes first, so that no number of made-up names fills the memory. */
const MOST_ENTRIES = 10_000;
/** Hashings under way at once; each takes 32 MiB and a thread. More than this many at a time are refused for a second. */
const MOST_TRIES_AT_ONCE = 8;
/** Of them for one address, so that nobody takes them all. */
const MOST_TRIES_OF_ADDRESS = 4;

export interface Login {
  readonly username: string;
  readonly address: string;
}

interface Failures {
  count: number;
  blockedUntil: number;
}

export class LoginThrottle {
  /** By user and address. */
  readonly #failures = new Map<string, Failures>();
  /** Under way, the address of each. */
  readonly #tries: string[] = [];

  /** How long this login has to wait before a try, in ms; 0: not at all. */
  waitMs(login: Login, now: number): number {
    const blockedUntil = this.#failures.get(keyOf(login))?.blockedUntil ?? 0;
    if (blockedUntil > now) return blockedUntil - now;
    const ofAddress = this.#tries.filter((address) => address === login.address).length;
    return this.#tries.length >= MOST_TRIES_AT_ONCE || ofAddress >= MOST_TRIES_OF_ADDRESS ? FIRST_WAIT_MS : 0;
  }

  /** Runs one check of a password and counts how it went. */
  async attempt(login: Login, now: () => number, check: () => Promise<boolean>): Promise<boolean> {
    const who = keyOf(login);
    this.#tries.push(login.address);
    try {
      const isRight = await check();
      if (isRight) this.#failures.delete(who);
      else this.#recordFailure(who, now());
      return isRight;
    } finally {
      this.#tries.splice(this.#tries.indexOf(login.address), 1);
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

function keyOf({ username, address }: Login): string {
  return `${address} ${username.slice(0, 256)}`;
}
