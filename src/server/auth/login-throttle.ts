/** Against guessing passwords: each further failure doubles the wait. */

const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
/** The oldest goes first: made-up names can't fill the memory. */
const MAX_ENTRIES = 10_000;
/** Each takes 32 MiB and a thread. */
const MAX_CONCURRENT = 8;
/** One address can't take them all. */
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
  /** Addresses. */
  readonly #inFlight: string[] = [];

  /** In ms. */
  waitMs(login: Login, now: number): number {
    const blockedUntil = this.#failures.get(keyOf(login))?.blockedUntil ?? 0;
    if (blockedUntil > now) return blockedUntil - now;
    const ofAddress = this.#inFlight.filter((address) => address === login.address).length;
    const isBusy = this.#inFlight.length >= MAX_CONCURRENT || ofAddress >= MAX_CONCURRENT_PER_ADDRESS;
    return isBusy ? FIRST_WAIT_MS : 0;
  }

  /** Records the result. */
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
    this.#failures.delete(key); // in the order of the last failure
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
