/** Stops guesses of passwords and keys, which would also wear out the processor. All nodes on a database count failures together. */
import { createHash } from "node:crypto";
import type { Clock } from "../../platform/clock.js";
import type { Limit, LimitChange, LimitState, LimitStore } from "../../store/nodes/limits.js";
import { type ClientLimits, clientLimits } from "./client-limits.js";

interface Budget {
  readonly failures: number;
  /** After this time one more is allowed. */
  readonly perFailureMs: number;
}

/** A user may fail so often from an address; each further failure doubles the wait. */
const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
/** A database forgets failures after this time without a further one. */
const REMEMBERED_MS = 10 * 60_000;
/** An address may fail so often, whatever the user's name. */
const ADDRESS_BUDGET: Budget = { failures: 20, perFailureMs: 3000 };
/** Logins may fail so often with a key, or with wrong keys, from anywhere. A few addresses can't spend that: they would lock out the key's owner. */
const KEY_BUDGET: Budget = { failures: 200, perFailureMs: 500 };
/** A check takes 32 MiB and a thread, and its counts a connection to the database, which has ten. Other logins wait for their turn. */
const MAX_CONCURRENT = 8;
const MAX_WAITING = 64;
/** So many may be checked or wait, so that one address can't take all turns. */
const MAX_PER_ADDRESS = 4;

export interface LoginAttempt {
  readonly username: string;
  readonly address: string;
  /** `apiKey` is hashed. It is null if what is guessed has no key, and is void after a few tries. */
  readonly apiKey: string | null;
  /** All wrong keys together have one more limit. Once it is used up they fail unchecked: another answer would tell right keys from wrong ones. */
  readonly isKeyWrong?: boolean;
  /** A stranger doesn't have it. Logins that show it are limited apart from all others, which can't use up their limits. */
  readonly shows?: "the user's key" | "a token";
}

export class LoginThrottle {
  readonly #clock: Clock;
  readonly #limits: ClientLimits;
  readonly #present: string[] = [];
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock, shared: LimitStore | null = null) {
    this.#clock = clock;
    this.#limits = clientLimits(shared);
  }

  /** Returns how long the login has to wait, as far as this process knows. */
  waitMs(login: LoginAttempt): number {
    const waitMs = waitMsOf(this.#limits.knownStates(keysOf(login)), login, this.#clock.now());
    if (waitMs > 0) return waitMs;
    const place = placeOf(login);
    const ofAddress = this.#present.filter((present) => present === place).length;
    // Strangers can't fill the queue of those who show something.
    const isFull = login.shows === undefined && this.#waiting.length >= MAX_WAITING;
    return ofAddress >= MAX_PER_ADDRESS || isFull ? FIRST_WAIT_MS : 0;
  }

  /** Runs `check`, unless it returns how long to wait, or too many keys were wrong. If it isn't limited, its result is only recorded. */
  async attemptLogin(
    login: LoginAttempt,
    check: () => Promise<boolean>,
    { isLimited }: { readonly isLimited: boolean },
  ): Promise<number> {
    const knownWaitMs = isLimited ? this.waitMs(login) : 0;
    if (knownWaitMs > 0) return knownWaitMs;
    const place = placeOf(login);
    this.#present.push(place);
    await this.#takeTurn(login.shows !== undefined || !isLimited);
    try {
      const { waitMs, isChecked } = await this.#spendBudgets(login, isLimited);
      if (waitMs === 0) await this.#recordResult(login, isChecked && (await check()));
      return waitMs;
    } finally {
      this.#endTurn();
      this.#present.splice(this.#present.indexOf(place), 1);
    }
  }

  /** A login counts as failed until it has succeeded, so many at once can't spend more than the budgets. */
  #spendBudgets(login: LoginAttempt, isLimited: boolean): Spent | Promise<Spent> {
    const now = this.#clock.now();
    return this.#limits.changeStates(keysOf(login), (states) => {
      const waitMs = isLimited ? waitMsOf(states, login, now) : 0;
      const isChecked = !login.isKeyWrong || budgetWaitMs(states.at(-1), KEY_BUDGET, now) <= 0;
      const result = { waitMs, isChecked };
      if (waitMs > 0) return { states: null, result };
      const [failures = [], ...budgets] = states;
      const spent = budgets.map(([until = 0], index) => {
        const isSpent = isChecked || index < budgets.length - 1;
        return budgetChange(isSpent ? now + Math.max(0, leftMs(until, now)) + budgetAt(index).perFailureMs : until);
      });
      return { states: [failuresChange(failures), ...spent], result };
    });
  }

  #recordResult(login: LoginAttempt, isCorrect: boolean): void | Promise<void> {
    const now = this.#clock.now();
    const [key = "", ...others] = keysOf(login);
    if (!isCorrect)
      return this.#limits.changeStates([key], ([[count = 0] = []]) => statesChange([failuresChange([count + 1, now])]));
    return this.#limits.changeStates([key, ...others], ([, ...budgets]) =>
      statesChange([
        { state: [], expiresAt: 0 },
        ...budgets.map(([until = 0], index) => budgetChange(until - budgetAt(index).perFailureMs)),
      ]),
    );
  }

  /** A login that shows something, or was right before, goes before the others. */
  #takeTurn(isFirst: boolean): Promise<void> {
    if (this.#running >= MAX_CONCURRENT) {
      return new Promise((resolve) => (isFirst ? this.#waiting.unshift(resolve) : this.#waiting.push(resolve)));
    }
    this.#running += 1;
    return Promise.resolve();
  }

  #endTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

interface Spent {
  readonly waitMs: number;
  readonly isChecked: boolean;
}

function statesChange(states: readonly Limit[]): LimitChange<void> {
  return { states, result: undefined };
}

/** The state is the number of failures, and the time of the last one. */
function failuresChange(failures: LimitState): Limit {
  const [, failedAt = 0] = failures;
  return { state: failures, expiresAt: failedAt + REMEMBERED_MS };
}

/** Returns 0 while they are free, as the clock of another node may be behind. */
function failuresWaitMs([count = 0, failedAt = 0]: LimitState, now: number): number {
  if (count < FREE_FAILURES) return 0;
  return leftMs(failedAt + Math.min(FIRST_WAIT_MS * 2 ** (count - FREE_FAILURES), LONGEST_WAIT_MS), now);
}

/** The state is the time at which all that was spent is allowed again. */
function budgetChange(spentUntil: number): Limit {
  return { state: [spentUntil], expiresAt: spentUntil };
}

/** The budgets follow the first of keysOf, in its order. */
function budgetAt(index: number): Budget {
  return index === 0 ? ADDRESS_BUDGET : KEY_BUDGET;
}

function waitMsOf(states: readonly LimitState[], { isKeyWrong = false }: LoginAttempt, now: number): number {
  const [failures = [], ...budgets] = isKeyWrong ? states.slice(0, -1) : states;
  const waits = budgets.map((budget, index) => budgetWaitMs(budget, budgetAt(index), now));
  return Math.max(0, failuresWaitMs(failures, now), ...waits);
}

function budgetWaitMs([spentUntil = 0]: LimitState = [], { failures, perFailureMs }: Budget, now: number): number {
  return leftMs(spentUntil, now) - (failures - 1) * perFailureMs;
}

/** Nothing lasts longer than what is remembered. If it seems to, the clock was set back since. */
function leftMs(until: number, now: number): number {
  return until - now > REMEMBERED_MS ? 0 : until - now;
}

/**
 * The counters are those of the user from this address, of the address, of the key if it has one, and of all wrong keys. They are
 * digests, as V8 keeps a header as long as any text that was cut out of it.
 */
function keysOf(login: LoginAttempt): readonly string[] {
  const { username, address, apiKey, isKeyWrong = false } = login;
  const scope = scopeOf(login);
  const keys = [`${scope}failures ${address} ${username}`, placeOf(login)];
  const others = [...(apiKey === null ? [] : [`${scope}key ${apiKey}`]), ...(isKeyWrong ? [`${scope}wrong keys`] : [])];
  return [...keys, ...others].map((key) => createHash("sha256").update(key).digest("base64"));
}

function placeOf(login: LoginAttempt): string {
  return `${scopeOf(login)}address ${networkOf(login.address)}`;
}

function scopeOf({ shows, username }: LoginAttempt): string {
  return shows === undefined ? "" : `${shows} of ${username}: `;
}

/** An IPv6 client usually has a /64 for itself. */
export function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  return (tail === undefined ? groups : [...groups, "0", "0", "0", "0"]).slice(0, 4).join(":");
}
