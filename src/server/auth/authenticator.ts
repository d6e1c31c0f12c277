/** docs/contract.md, Requests. */
import { createHash } from "node:crypto";
import type { Clock } from "../../platform/clock.js";
import type { CredentialStore, StoredCredential } from "../../store/credentials.js";
import type { LimitStore } from "../../store/nodes/node-store.js";
import { hashApiKey, issueToken, matchesApiKey, readToken, verifyPassword } from "./credential-hashes.js";
import { type Login, LoginThrottle } from "./login-throttle.js";

export interface PresentedCredentials {
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
  /** For the login throttle. */
  readonly address: string;
}

export type Verdict =
  | { readonly kind: "granted"; readonly credential: StoredCredential }
  | { readonly kind: "rejected"; readonly code: "unauthenticated" | "forbidden"; readonly reason: string }
  | { readonly kind: "throttled"; readonly waitMs: number };

const CACHED_MS = 60_000;
const MAX_CACHED = 1000;
/** A removed user, a changed password or key takes effect within this time, whichever process wrote it. */
const LIST_FRESH_MS = 500;

/** In place of an API key: what is left of a key's failures is shared by all who sign in to the console with a password. */
const CONSOLE = "console";

interface CachedVerdict {
  readonly verdict: Verdict;
  readonly until: number;
  readonly credential: StoredCredential;
}

export class Authenticator {
  readonly #store: CredentialStore;
  readonly #clock: Clock;
  readonly #throttle: LoginThrottle;
  /** By digest: no secret stays in memory. The throttle needs expired entries. */
  readonly #cache = new Map<string, CachedVerdict>();
  readonly #inFlight = new Map<string, Promise<Verdict>>();
  #credentials: readonly StoredCredential[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<readonly StoredCredential[]> | null = null;

  /** `limits`: of all nodes on the database; null: only this process checks logins. */
  constructor(store: CredentialStore, clock: Clock, limits: LimitStore | null) {
    this.#store = store;
    this.#clock = clock;
    this.#throttle = new LoginThrottle(clock, limits);
  }

  /** Synchronous if cached. The password comes last: hashing needs a valid key. */
  verify(presented: PresentedCredentials): Verdict | Promise<Verdict> {
    const { authorization, apiKey } = presented;
    if (authorization === undefined) return rejected("unauthenticated", "Authorization is missing");
    if (apiKey === undefined || apiKey === "") return rejected("forbidden", "The API key is missing");
    const digest = createHash("sha256").update(`${apiKey}\n${authorization}`).digest("base64");
    const known = this.#isListFresh() ? this.#cached(digest) : null;
    if (known !== null) return known;
    const inFlight = this.#inFlight.get(digest) ?? this.#check(presented, digest);
    this.#inFlight.set(digest, inFlight);
    return inFlight;
  }

  /** Without an API key, for the console. */
  async signIn(username: string, password: string, address: string): Promise<Verdict> {
    const credential = (await this.#list()).find((one) => one.username === username) ?? null;
    return this.#tryLogin({ username, address, apiKey: CONSOLE }, false, async () =>
      (await isPassword(password, credential)) ? credential : null,
    );
  }

  /** As `signIn`, with a code: `redeem` returns its user. Guesses from many addresses don't shut out who has one. */
  signInByCode(address: string, redeem: () => Promise<StoredCredential | null>): Promise<Verdict> {
    return this.#tryLogin({ username: "", address, apiKey: null }, false, redeem);
  }

  /** null if a granted user no longer exists. */
  async issueToken(credential: StoredCredential | null): Promise<string | null> {
    return credential !== null && (await this.isCurrent(credential)) ? issueToken(credential, this.#clock.now()) : null;
  }

  /** Whether what was granted is still as stored: for a request that goes on. */
  async isCurrent(credential: StoredCredential): Promise<boolean> {
    return isAmong(await this.#list(), credential);
  }

  async #check(presented: PresentedCredentials, digest: string): Promise<Verdict> {
    try {
      const credentials = await this.#list();
      const known = this.#cached(digest);
      if (known !== null) return known;
      const apiKey = hashApiKey(presented.apiKey ?? "");
      const hasKey = credentials.filter((credential) => matchesApiKey(apiKey, credential)).length > 0;
      if (!hasKey) return rejected("forbidden", "The API key is wrong");
      const now = this.#clock.now();
      const [, scheme = "", value = ""] = /^\s*(\S+)\s+(\S+)\s*$/.exec(presented.authorization ?? "") ?? [];
      switch (scheme.toLowerCase()) {
        case "bearer": {
          const token = readToken(value, credentials, now);
          if (token === null) return rejected("unauthenticated", "The token is wrong or has expired");
          return this.#grant(digest, { credential: token.credential, apiKey, validUntil: token.expiresAt });
        }
        case "basic":
          return await this.#checkPassword(value, { credentials, digest, apiKey, address: presented.address });
        default:
          return rejected("unauthenticated", "Authorization must be Basic or Bearer");
      }
    } finally {
      this.#inFlight.delete(digest);
    }
  }

  async #checkPassword(
    encoded: string,
    context: {
      readonly credentials: readonly StoredCredential[];
      readonly digest: string;
      readonly apiKey: string;
      readonly address: string;
    },
  ): Promise<Verdict> {
    const pair = Buffer.from(encoded, "base64").toString();
    const colon = pair.indexOf(":");
    const username = colon === -1 ? pair : pair.slice(0, colon);
    const password = colon === -1 ? "" : pair.slice(colon + 1);
    // Not for once right credentials: guesses from the same address can't lock the user out.
    const isKnown = this.#cache.has(context.digest);
    const login = { username, address: context.address, apiKey: context.apiKey };
    const credential = context.credentials.find((one) => one.username === username) ?? null;
    const checked = await this.#tryLogin(login, isKnown, async () =>
      (await isPassword(password, credential)) ? credential : null,
    );
    if (checked.kind === "rejected") this.#cache.delete(context.digest);
    if (checked.kind !== "granted") return checked;
    return this.#grant(context.digest, {
      credential: checked.credential,
      apiKey: context.apiKey,
      validUntil: Number.POSITIVE_INFINITY,
    });
  }

  async #tryLogin(login: Login, isKnown: boolean, check: () => Promise<StoredCredential | null>): Promise<Verdict> {
    let verdict: Verdict = rejected("unauthenticated", "The user or the password is wrong");
    const attempt = async (): Promise<boolean> => {
      const credential = await check();
      if (credential !== null) verdict = { kind: "granted", credential };
      return credential !== null;
    };
    const waitMs = await this.#throttle.attempt(login, attempt, { isLimited: !isKnown });
    return waitMs > 0 ? { kind: "throttled", waitMs } : verdict;
  }

  /** A key belongs to a user. Rejected only now: without the password nobody learns whose it is. */
  #grant(
    digest: string,
    granted: { readonly credential: StoredCredential; readonly apiKey: string; readonly validUntil: number },
  ): Verdict {
    const { credential, apiKey, validUntil } = granted;
    if (!matchesApiKey(apiKey, credential)) return rejected("forbidden", "The API key belongs to another user");
    const verdict: Verdict = { kind: "granted", credential };
    // It may have been removed while its password was hashed.
    if (!isAmong(this.#credentials, credential)) return verdict;
    this.#cache.delete(digest);
    this.#cache.set(digest, { verdict, credential, until: Math.min(this.#clock.now() + CACHED_MS, validUntil) });
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > MAX_CACHED && oldest !== undefined) this.#cache.delete(oldest);
    return verdict;
  }

  #cached(digest: string): Verdict | null {
    const known = this.#cache.get(digest);
    return known !== undefined && known.until > this.#clock.now() ? known.verdict : null;
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
    // Before: what is written meanwhile is read next time.
    const readAtMs = this.#clock.monotonicMs();
    this.#credentials = await this.#store.listCredentials();
    this.#readAtMs = readAtMs;
    for (const [digest, { credential }] of this.#cache) {
      if (!isAmong(this.#credentials, credential)) this.#cache.delete(digest);
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

/** scrypt pads passwords with NULs: "secret\0" has the hash of "secret". */
async function isPassword(password: string, credential: StoredCredential | null): Promise<boolean> {
  return (await verifyPassword(password, credential)) && !password.includes("\0");
}

function rejected(code: "unauthenticated" | "forbidden", reason: string): Verdict {
  return { kind: "rejected", code, reason };
}
