/** The rules are in docs/contract.md, Requests. */
import { hash } from "node:crypto";
import type { Way } from "../../domain/audit/audit-entry.js";
import type { Clock } from "../../platform/clock.js";
import type { Logger } from "../../platform/logger.js";
import { isShortSecret, MIN_SECRET_LENGTH } from "../../platform/random.js";
import type { StoredCredential } from "../../store/credentials.js";
import type { Store } from "../../store/open-store.js";
import type { ServerDeps } from "../server-deps.js";
import { hashApiKey, issueToken, matchesApiKey, readToken, verifyPassword } from "./credential-hashes.js";
import { FailedSignIns } from "./failed-sign-ins.js";
import { type LoginAttempt, LoginThrottle } from "./login-throttle.js";

export interface PresentedCredentials {
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
  /** The login throttle counts by it. */
  readonly address: string;
}

interface GrantedVerdict {
  readonly kind: "granted";
  readonly credential: StoredCredential;
}

export type Verdict =
  | GrantedVerdict
  | { readonly kind: "rejected"; readonly code: "unauthenticated" | "forbidden"; readonly reason: string }
  | { readonly kind: "throttled"; readonly waitMs: number };

const CACHED_MS = 60_000;
const MAX_CACHED = 1000;
/** A removed user, a changed password or key takes effect within this time, whichever process wrote it. */
const LIST_FRESH_MS = 500;

/** `CONSOLE_SIGN_IN` takes an API key's place: all who sign in to the console with a password share a key's failures. */
const CONSOLE_SIGN_IN = "console";

interface CachedVerdict {
  readonly verdict: GrantedVerdict;
  readonly expiresAt: number;
}

/** Authorization names this user, which isn't verified yet. */
interface PresentedUser {
  readonly username: string;
  readonly password?: string;
  readonly expiresAt: number;
  readonly hasToken?: boolean;
  /** Resolves to null for a wrong password. */
  authenticate(): Promise<StoredCredential | null>;
}

export class Authenticator {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #throttle: LoginThrottle;
  readonly #failures: FailedSignIns;
  /** Verdicts are kept by digest, so no secret stays in memory. The throttle needs expired entries. */
  readonly #cache = new Map<string, CachedVerdict>();
  readonly #inFlight = new Map<string, Promise<Verdict>>();
  readonly #warned = new Set<string>();
  #credentials: readonly StoredCredential[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<readonly StoredCredential[]> | null = null;

  constructor({ store, clock, logger }: ServerDeps) {
    this.#failures = new FailedSignIns({ store, clock, logger });
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#throttle = new LoginThrottle(clock, store.nodes);
  }

  /** Returns a cached verdict synchronously. */
  verify(presented: PresentedCredentials): Verdict | Promise<Verdict> {
    const { authorization, apiKey } = presented;
    if (authorization === undefined) return rejection("unauthenticated", "Authorization is missing");
    if (apiKey === undefined || apiKey === "") return rejection("forbidden", "The API key is missing");
    const digest = hash("sha256", `${apiKey}\n${authorization}`, "base64");
    const known = this.#isListFresh() ? this.#cached(digest) : null;
    if (known !== null) return known;
    const inFlight = this.#inFlight.get(digest) ?? this.#check(presented, digest);
    this.#inFlight.set(digest, inFlight);
    return inFlight;
  }

  /** The console signs in without an API key. */
  async signIn(username: string, password: string, address: string): Promise<Verdict> {
    const credential = (await this.#list()).find((one) => one.username === username) ?? null;
    const login = { username, address, apiKey: CONSOLE_SIGN_IN };
    const verdict = await this.#tryLogin(login, false, async () =>
      verdictFor((await isPassword(password, credential)) ? credential : null),
    );
    await this.#recordFailure(verdict, "console", login);
    if (verdict.kind === "granted") this.#warnIfShort(verdict.credential, "password", password);
    return verdict;
  }

  /** Does what `signIn` does, with a code: `redeem` returns its user. It comes first: others' guesses don't shut out who has a code. */
  async signInByCode(address: string, redeem: () => Promise<StoredCredential | null>): Promise<Verdict> {
    const verdict = verdictFor(await redeem());
    if (verdict.kind === "granted") return verdict;
    const login = { username: "", address, apiKey: null };
    const tried = await this.#tryLogin(login, false, async () => verdict);
    await this.#recordFailure(tried, "console", login);
    return tried;
  }

  /** Returns null if a granted user no longer exists. */
  async issueToken(credential: StoredCredential | null): Promise<string | null> {
    return credential !== null && (await this.isCurrent(credential))
      ? issueToken(credential, this.#clock.now(), this.#store.sign)
      : null;
  }

  /** Tells whether what was granted is still as stored. A request that goes on asks for it again. */
  async isCurrent(credential: StoredCredential): Promise<boolean> {
    return isAmong(await this.#list(), credential);
  }

  async #check(presented: PresentedCredentials, digest: string): Promise<Verdict> {
    try {
      const credentials = await this.#list();
      const known = this.#cached(digest);
      if (known !== null) return known;
      const [, scheme = "", value = ""] = /^\s*(\S+)\s+(\S+)\s*$/.exec(presented.authorization ?? "") ?? [];
      switch (scheme.toLowerCase()) {
        case "bearer": {
          const token = readToken(value, credentials, { now: this.#clock.now(), sign: this.#store.sign });
          if (token === null) return rejection("unauthenticated", "The token is wrong or has expired");
          const { credential, expiresAt } = token;
          const user = { username: credential.username, expiresAt, hasToken: true, authenticate: async () => credential };
          return await this.#checkUser(user, presented, digest);
        }
        case "basic":
          return await this.#checkUser(readPassword(value, credentials), presented, digest);
        default:
          return rejection("unauthenticated", "Authorization must be Basic or Bearer");
      }
    } finally {
      this.#inFlight.delete(digest);
    }
  }

  /** Only who has proved to be the user learns whether the key is right. */
  async #checkUser(user: PresentedUser, presented: PresentedCredentials, digest: string): Promise<Verdict> {
    const apiKey = hashApiKey(presented.apiKey ?? "");
    const owners = this.#credentials.filter((credential) => matchesApiKey(apiKey, credential)).map(({ username }) => username);
    const login = { username: user.username, address: presented.address, apiKey, isKeyWrong: owners.length === 0 };
    const shows = user.hasToken ? "a token" : owners.includes(user.username) ? "the user's key" : null;
    // Credentials that were right before aren't limited: guesses from the same address can't lock the user out.
    const isKnown = this.#cache.has(digest);
    let verdict = await this.#tryLogin(shows === null || isKnown ? login : { ...login, shows }, isKnown, async () => {
      const credential = await user.authenticate();
      const isOwnKey = credential === null || matchesApiKey(apiKey, credential);
      return isOwnKey ? verdictFor(credential) : rejection("forbidden", "The API key is wrong");
    });
    if (shows !== null && !isKnown) {
      // Unless the login is right, the answer is that of one which shows nothing: another would tell that the key is right.
      const found = verdict.kind === "throttled" ? WRONG_LOGIN : verdict;
      verdict = await this.#tryLogin(login, found.kind === "granted", async () => found);
    }
    if (verdict.kind === "rejected") this.#cache.delete(digest);
    await this.#recordFailure(verdict, "api", login);
    if (verdict.kind === "granted") {
      this.#remember(digest, verdict, user.expiresAt);
      this.#warnIfShort(verdict.credential, "password", user.password);
      this.#warnIfShort(verdict.credential, "API key", presented.apiKey);
    }
    return verdict;
  }

  async #tryLogin(login: LoginAttempt, isKnown: boolean, check: () => Promise<Verdict>): Promise<Verdict> {
    let verdict: Verdict = UNCHECKED_LOGIN;
    const attempt = async (): Promise<boolean> => {
      verdict = await check();
      return verdict.kind === "granted";
    };
    const waitMs = await this.#throttle.attemptLogin(login, attempt, { isLimited: !isKnown });
    return waitMs > 0 ? { kind: "throttled", waitMs } : verdict;
  }

  /** What the throttle didn't let be checked isn't recorded. */
  async #recordFailure(verdict: Verdict, via: Way, { username, address }: LoginAttempt): Promise<void> {
    if (verdict.kind !== "rejected" || verdict === UNCHECKED_LOGIN) return;
    const isUser = this.#credentials.some((one) => one.username === username);
    await this.#failures.record({ user: isUser ? username : null, via, address });
  }

  #remember(digest: string, verdict: GrantedVerdict, expiresAt: number): void {
    // The user may have been removed while the password was hashed.
    if (!isAmong(this.#credentials, verdict.credential)) return;
    this.#cache.delete(digest);
    this.#cache.set(digest, { verdict, expiresAt: Math.min(this.#clock.now() + CACHED_MS, expiresAt) });
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > MAX_CACHED && oldest !== undefined) this.#cache.delete(oldest);
  }

  /** Warns once of a user who was added before there was a minimum. A start itself warns of its own user. */
  #warnIfShort({ username, origin }: StoredCredential, what: "password" | "API key", secret: string | undefined): void {
    if (secret === undefined || !isShortSecret(secret) || origin === "start" || this.#warned.has(`${what} ${username}`)) return;
    this.#warned.add(`${what} ${username}`);
    const change = what === "password" ? "whcb users passwd" : "whcb users passwd --new-key";
    this.#logger.warn(
      { user: username },
      `The ${what} has fewer than ${MIN_SECRET_LENGTH} characters and can be guessed: ${change}`,
    );
  }

  #cached(digest: string): Verdict | null {
    const known = this.#cache.get(digest);
    return known !== undefined && known.expiresAt > this.#clock.now() ? known.verdict : null;
  }

  #isListFresh(): boolean {
    return this.#clock.monotonicMs() - this.#readAtMs <= LIST_FRESH_MS;
  }

  #list(): readonly StoredCredential[] | Promise<readonly StoredCredential[]> {
    if (this.#isListFresh()) return this.#credentials;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read(): Promise<readonly StoredCredential[]> {
    // The time is taken before, so what is written meanwhile is read next time.
    const readAtMs = this.#clock.monotonicMs();
    this.#credentials = await this.#store.credentials.list();
    this.#readAtMs = readAtMs;
    for (const [digest, { verdict }] of this.#cache) {
      if (!isAmong(this.#credentials, verdict.credential)) this.#cache.delete(digest);
    }
    return this.#credentials;
  }
}

function isAmong(credentials: readonly StoredCredential[], wanted: StoredCredential): boolean {
  return credentials.some(
    ({ username, passwordHash, apiKeyHash }) =>
      username === wanted.username && passwordHash === wanted.passwordHash && apiKeyHash === wanted.apiKeyHash,
  );
}

function readPassword(encoded: string, credentials: readonly StoredCredential[]): PresentedUser {
  const pair = Buffer.from(encoded, "base64").toString();
  const colon = pair.indexOf(":");
  const username = colon === -1 ? pair : pair.slice(0, colon);
  const password = colon === -1 ? "" : pair.slice(colon + 1);
  const credential = credentials.find((one) => one.username === username) ?? null;
  return {
    username,
    password,
    expiresAt: Number.POSITIVE_INFINITY,
    authenticate: async () => ((await isPassword(password, credential)) ? credential : null),
  };
}

/** scrypt pads passwords with NULs: "secret\0" has the hash of "secret". */
async function isPassword(password: string, credential: StoredCredential | null): Promise<boolean> {
  return (await verifyPassword(password, credential)) && !password.includes("\0");
}

function verdictFor(credential: StoredCredential | null): Verdict {
  return credential === null ? WRONG_LOGIN : { kind: "granted", credential };
}

const WRONG_LOGIN = rejection("unauthenticated", "The user or the password is wrong");
const UNCHECKED_LOGIN = { ...WRONG_LOGIN };

function rejection(code: "unauthenticated" | "forbidden", reason: string): Verdict {
  return { kind: "rejected", code, reason };
}
