/** Slows password guessing: after 5 failures each further try has to wait, twice as long each time. */

const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
/** The oldest entry is dropped first, so that made-up names can't fill the memory. */
const MAX_ENTRIES = 10_000;
/** Concurrent hashings; each takes 32 MiB and a thread. Further logins wait a second. */
const MAX_CONCURRENT = 8;
/** For one address, so that it can't take them all. */
const MAX_CONCURRENT_PER_ADDRESS = 4;

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
  /** The addresses of the logins being checked. */
  readonly #inFlight: string[] = [];

  /** How long this login has to wait before a try, in ms; 0: not at all. */
  waitMs(login: Login, now: number): number {
    const blockedUntil = this.#failures.get(keyOf(login))?.blockedUntil ?? 0;
    if (blockedUntil > now) return blockedUntil - now;
    const ofAddress = this.#inFlight.filter((address) => address === login.address).length;
    const isBusy = this.#inFlight.length >= MAX_CONCURRENT || ofAddress >= MAX_CONCURRENT_PER_ADDRESS;
    return isBusy ? FIRST_WAIT_MS : 0;
  }

  /** Runs one password check and records its result. */
  async attempt(login: Login, now: () => number, check: () => Promise<boolean>): Promise<boolean> {
    const key = keyOf(login);
    this.#inFlight.push(login.address);
    try {
      const isCorrect = await check();
      if (isCorrect) this.#failures.delete(key);
      else this.#recordFailure(key, now());
      return isCorrect;
    } finally {
      this.#inFlight.splice(this.#inFlight.indexOf(login.address), 1);
    }
  }

  #recordFailure(key: string, now: number): void {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    this.#failures.delete(key); // keeps the map in the order of the last failure
    const wait = count < FREE_FAILURES ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (count - FREE_FAILURES), LONGEST_WAIT_MS);
    this.#failures.set(key, { count, blockedUntil: now + wait });
    if (this.#failures.size > MAX_ENTRIES) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
  }
}

function keyOf({ username, address }: Login): string {
  return `${address} ${username.slice(0, 256)}`;
}
