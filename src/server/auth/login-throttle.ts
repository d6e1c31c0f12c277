/** Against guessing passwords, and against wearing out the processor with it. */

/** Of a user from an address; each further failure doubles the wait. */
const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
/** The oldest goes first: made-up names can't fill the memory. */
const MAX_ENTRIES = 10_000;
/** Failures of an address, whatever the user's name. */
const ADDRESS_BUDGET = { failures: 20, perFailureMs: 3000 };
/** Failures with a key, from wherever: more than a few addresses can spend, or they would lock out the key's owner. */
const KEY_BUDGET = { failures: 200, perFailureMs: 500 };
/** Each takes 32 MiB and a thread; others wait for their turn. */
const MAX_CONCURRENT = 8;
const MAX_WAITING = 64;
/** Checked and waiting: one address can't take all turns. */
const MAX_PER_ADDRESS = 4;

export interface Login {
  readonly username: string;
  readonly address: string;
  /** Hashed. A valid one: without it no password is checked. null: what is guessed has no key, and is void after a few tries. */
  readonly apiKey: string | null;
}

interface Failures {
  count: number;
  blockedUntil: number;
}

export class LoginThrottle {
  /** By user and address. */
  readonly #failures = new Map<string, Failures>();
  readonly #addresses = new FailureBudget(ADDRESS_BUDGET);
  readonly #keys = new FailureBudget(KEY_BUDGET);
  /** Of the logins being checked or waiting. */
  readonly #present: string[] = [];
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** In ms. */
  waitMs(login: Login, now: number): number {
    const network = networkOf(login.address);
    const blockedMs = (this.#failures.get(keyOf(login))?.blockedUntil ?? 0) - now;
    const waitMs = Math.max(blockedMs, this.#addresses.waitMs(network, now), this.#keys.waitMs(login.apiKey, now));
    if (waitMs > 0) return waitMs;
    const ofAddress = this.#present.filter((present) => present === network).length;
    return ofAddress >= MAX_PER_ADDRESS || this.#waiting.length >= MAX_WAITING ? FIRST_WAIT_MS : 0;
  }

  /** Records the result. */
  async attempt(login: Login, now: () => number, check: () => Promise<boolean>): Promise<boolean> {
    const network = networkOf(login.address);
    this.#present.push(network);
    // Until it has succeeded it counts as failed: many at once can't spend more than the budget.
    this.#addresses.spend(network, now());
    this.#keys.spend(login.apiKey, now());
    await this.#takeTurn();
    try {
      const isCorrect = await check();
      if (!isCorrect) this.#recordFailure(keyOf(login), now());
      else {
        this.#failures.delete(keyOf(login));
        this.#addresses.giveBack(network);
        this.#keys.giveBack(login.apiKey);
      }
      return isCorrect;
    } finally {
      this.#present.splice(this.#present.indexOf(network), 1);
      this.#endTurn();
    }
  }

  /** First come, first served. */
  #takeTurn(): Promise<void> {
    if (this.#running >= MAX_CONCURRENT) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    return Promise.resolve();
  }

  #endTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  #recordFailure(key: string, now: number): void {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    const wait = count < FREE_FAILURES ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (count - FREE_FAILURES), LONGEST_WAIT_MS);
    setLatest(this.#failures, key, { count, blockedUntil: now + wait });
  }
}

interface Budget {
  readonly failures: number;
  /** One more is allowed after this time. */
  readonly perFailureMs: number;
}

class FailureBudget {
  readonly #budget: Budget;
  /** When all that was spent is allowed again. */
  readonly #spentUntil = new Map<string, number>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** null: without a limit. */
  waitMs(key: string | null, now: number): number {
    if (key === null) return 0;
    const { failures, perFailureMs } = this.#budget;
    return Math.max((this.#spentUntil.get(key) ?? 0) - now - (failures - 1) * perFailureMs, 0);
  }

  spend(key: string | null, now: number): void {
    if (key !== null) setLatest(this.#spentUntil, key, Math.max(this.#spentUntil.get(key) ?? 0, now) + this.#budget.perFailureMs);
  }

  giveBack(key: string | null): void {
    if (key === null) return;
    const spentUntil = this.#spentUntil.get(key);
    if (spentUntil !== undefined) this.#spentUntil.set(key, spentUntil - this.#budget.perFailureMs);
  }
}

function setLatest<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_ENTRIES && oldest !== undefined) map.delete(oldest);
}

function keyOf({ username, address }: Login): string {
  return `${address} ${username.slice(0, 256)}`;
}

/** An IPv6 client has a /64 for itself. */
function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  return (tail === undefined ? groups : [...groups, "0", "0", "0", "0"]).slice(0, 4).join(":");
}
