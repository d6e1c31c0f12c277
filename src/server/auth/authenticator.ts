/** Who a request comes from: an API key, and a user by password or token (contract.md, Requests). */
import { createHash } from "node:crypto";
import type { Clock } from "../../platform/clock.js";
import type { CredentialStore, StoredCredential } from "../../store/store.js";
import { hashApiKey, issueToken, matchesApiKey, readToken, verifyPassword } from "./credential-hashes.js";
import { LoginThrottle } from "./login-throttle.js";

export interface PresentedCredentials {
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
  /** Of the caller, for slowing guesses. */
  readonly address: string;
}

export type Verdict =
  | { readonly kind: "granted"; readonly username: string /** Hashed. */; readonly apiKey: string }
  | { readonly kind: "refused"; readonly code: "unauthenticated" | "forbidden"; readonly reason: string }
  | { readonly kind: "slowed"; readonly waitMs: number };

/** How long a verified pair of credentials is taken without hashing again; a changed password is noticed within this time. */
const REMEMBERED_MS = 60_000;
const MOST_REMEMBERED = 1000;
/** How long the list of users is taken as it was read. */
const LIST_FRESH_MS = 5000;

export class Authenticator {
  readonly #store: CredentialStore;
  readonly #clock: Clock;
  readonly #throttle = new LoginThrottle();
  /** By a digest of what was presented: no secret lies in memory in clear. What is over stays until there are too many. */
  readonly #remembered = new Map<string, { readonly verdict: Verdict; readonly until: number }>();
  readonly #underWay = new Map<string, Promise<Verdict>>();
  #credentials: readonly StoredCredential[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(store: CredentialStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * At once for credentials verified a moment ago, else a promise. A missing Authorization is told before a wrong key, and a
   * wrong key before the password is looked at: who has no key can't make the service hash.
   */
  verify(presented: PresentedCredentials): Verdict | Promise<Verdict> {
    const { authorization, apiKey } = presented;
    if (authorization === undefined) return refused("unauthenticated", "Authorization is missing");
    if (apiKey === undefined || apiKey === "") return refused("forbidden", "The API key is missing");
    const digest = createHash("sha256").update(`${apiKey}\n${authorization}`).digest("base64");
    const known = this.#remembered.get(digest);
    if (known !== undefined && known.until > this.#clock.now()) return known.verdict;
    const underWay = this.#underWay.get(digest) ?? this.#check(presented, digest);
    this.#underWay.set(digest, underWay);
    return underWay;
  }

  /** A token for a user that `verify` has granted; null where the user is gone meanwhile. */
  async issueToken(username: string): Promise<string | null> {
    const credential = (await this.#list()).find((one) => one.username === username);
    return credential === undefined ? null : issueToken(credential, this.#clock.now());
  }

  async #check(presented: PresentedCredentials, digest: string): Promise<Verdict> {
    try {
      const credentials = await this.#list();
      const apiKey = hashApiKey(presented.apiKey ?? "");
      const hasKey = credentials.filter((credential) => matchesApiKey(apiKey, credential)).length > 0;
      if (!hasKey) return refused("forbidden", "The API key is wrong");
      const now = this.#clock.now();
      const [, scheme = "", value = ""] = /^\s*(\S+)\s+(\S+)\s*$/.exec(presented.authorization ?? "") ?? [];
      switch (scheme.toLowerCase()) {
        case "bearer": {
          const token = readToken(value, credentials, now);
          if (token === null) return refused("unauthenticated", "The token is wrong or over");
          return this.#remember(digest, { kind: "granted", username: token.username, apiKey }, token.expiresAt);
        }
        case "basic":
          return await this.#checkPassword(value, { credentials, digest, apiKey, address: presented.address });
        default:
          return refused("unauthenticated", "Authorization must be Basic or Bearer");
      }
    } finally {
      this.#underWay.delete(digest);
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
    const login = { username, address: context.address };
    // What was right before is looked at again at once: whoever guesses from the same address can't lock the user out.
    const waitMs = this.#remembered.has(context.digest) ? 0 : this.#throttle.waitMs(login, this.#clock.now());
    if (waitMs > 0) return { kind: "slowed", waitMs };
    const credential = context.credentials.find((one) => one.username === username) ?? null;
    // scrypt pads a password with NULs, so one with some at its end would pass for another.
    const check = async (): Promise<boolean> => (await verifyPassword(password, credential)) && !password.includes("\0");
    const isRight = await this.#throttle.attempt(login, () => this.#clock.now(), check);
    if (!isRight) {
      this.#remembered.delete(context.digest);
      return refused("unauthenticated", "The user or the password is wrong");
    }
    return this.#remember(context.digest, { kind: "granted", username, apiKey: context.apiKey }, Number.POSITIVE_INFINITY);
  }

  #remember(digest: string, verdict: Verdict, validUntil: number): Verdict {
    this.#remembered.delete(digest);
    this.#remembered.set(digest, { verdict, until: Math.min(this.#clock.now() + REMEMBERED_MS, validUntil) });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MOST_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    return verdict;
  }

  async #list(): Promise<readonly StoredCredential[]> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#readAtMs > LIST_FRESH_MS) {
      this.#credentials = await this.#store.listCredentials();
      this.#readAtMs = nowMs;
    }
    return this.#credentials;
  }
}

function refused(code: "unauthenticated" | "forbidden", reason: string): Verdict {
  return { kind: "refused", code, reason };
}
