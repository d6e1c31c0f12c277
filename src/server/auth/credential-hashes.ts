/** Passwords are hashed by scrypt; for API keys, which are long and random, SHA-256 is enough. */
import { createHash, scrypt, timingSafeEqual } from "node:crypto";
import type { Random } from "../../platform/random.js";
import type { CredentialOrigin, StoredCredential } from "../../store/credentials.js";

/** A hash takes 32 MiB and about 60 ms. */
const SCRYPT_COST = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;
const HASH_BYTES = 32;
const SALT_BYTES = 16;
const TOKEN_LIFE_MS = 3_600_000;

export async function makeCredential(
  { username, password, apiKey }: { readonly username: string; readonly password: string; readonly apiKey: string },
  random: Random,
  origin: CredentialOrigin = "start",
): Promise<StoredCredential> {
  const salt = Buffer.from(random.bytes(SALT_BYTES));
  const hash = await deriveKey(password, salt);
  return {
    username,
    passwordHash: `scrypt:${salt.toString("base64")}:${hash.toString("base64")}`,
    apiKeyHash: hashApiKey(apiKey),
    origin,
  };
}

/** Takes the same time for an unknown user, who is null. */
export async function verifyPassword(password: string, credential: StoredCredential | null): Promise<boolean> {
  const [, salt = "", expected = ""] = (credential?.passwordHash ?? "scrypt:AAAAAAAAAAAAAAAAAAAAAA==:").split(":");
  const hash = await deriveKey(password, Buffer.from(salt, "base64"));
  return isSameSecret(hash, Buffer.from(expected, "base64"));
}

export function hashApiKey(apiKey: string): string {
  return createHash("sha256").update(apiKey).digest("hex");
}

export function matchesApiKey(apiKeyHash: string, credential: StoredCredential): boolean {
  return isSameSecret(Buffer.from(apiKeyHash, "hex"), Buffer.from(credential.apiKeyHash, "hex"));
}

/** Signs with the server's secret key, so that who reads the database can't make a token (KeyCipher). */
export type Sign = (text: string) => string;

/** The token is valid for an hour. What is signed has the password hash: a new password revokes it. */
export function issueToken(credential: StoredCredential, now: number, sign: Sign): string {
  const claim = Buffer.from(JSON.stringify([credential.username, now + TOKEN_LIFE_MS])).toString("base64url");
  return `${claim}.${sign(signedText(claim, credential))}`;
}

/** Returns null if the token is invalid. */
export function readToken(
  token: string,
  credentials: readonly StoredCredential[],
  { now, sign }: { readonly now: number; readonly sign: Sign },
): { readonly credential: StoredCredential; readonly expiresAt: number } | null {
  const [claim = "", signature = "", ...rest] = token.split(".");
  const [username, expiresAt] = parseClaim(claim);
  const credential = credentials.find((one) => one.username === username);
  if (rest.length > 0 || credential === undefined || typeof expiresAt !== "number") return null;
  const expected = sign(signedText(claim, credential));
  if (!isSameSecret(Buffer.from(expected), Buffer.from(signature)) || expiresAt <= now) return null;
  return { credential, expiresAt };
}

function signedText(claim: string, { passwordHash }: StoredCredential): string {
  return `token ${passwordHash} ${claim}`;
}

function parseClaim(claim: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(claim, "base64url").toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** Takes the same time wherever they differ. */
export function isSameSecret(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function deriveKey(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, SCRYPT_COST, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}
