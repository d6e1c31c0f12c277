/** The codes sign in to the console (docs/contract.md, What ours adds). */
import { WhcbError } from "../../domain/errors.js";
import type { StoredCredential } from "../../store/credentials.js";
import type { ServerDeps } from "../server-deps.js";
import type { Sign } from "./credential-hashes.js";

/** None of Crockford's letters looks like another one. Each has five bits. */
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** An id has 30 bits, so too few guesses find one in five minutes to use up its tries. */
const ID_LENGTH = 6;
/** The secret has 30 bits, too. */
const SECRET_LENGTH = 6;
const MAX_TRIES = 5;
const VALID_MS = 5 * 60_000;

/** The code signs this user in once. */
export async function createSignInCode(
  { store, clock, random }: ServerDeps,
  credential: StoredCredential,
): Promise<{ readonly code: string; readonly expiresAt: number }> {
  const now = clock.now();
  for (let count = 0; count < 10; count++) {
    const letters = [...random.bytes(ID_LENGTH + SECRET_LENGTH)].map((byte) => LETTERS[byte % LETTERS.length]).join("");
    const { id, secretHash } = parseCode(letters, store.sign);
    const code = { id, secretHash, username: credential.username, tries: MAX_TRIES };
    const isNew = await store.sessions.createSignInCode(code, credential, { now, validAfter: now - VALID_MS });
    if (isNew) return { code: letters.replace(/(.{4})(?=.)/g, "$1-"), expiresAt: now + VALID_MS };
  }
  throw new WhcbError("unavailable", "Too many sign-in codes are valid");
}

/** `typed` may be spelled loosely. Resolves to null if the code is wrong, used or expired. */
export function redeemSignInCode({ store, clock }: ServerDeps, typed: string): Promise<StoredCredential | null> {
  const { id, secretHash } = parseCode(typed.slice(0, 100).toUpperCase().replaceAll("O", "0").replace(/[IL]/g, "1"), store.sign);
  return store.sessions.redeemSignInCode(id, secretHash, clock.now() - VALID_MS);
}

/** The hash is keyed: who reads the database could try out all codes of a plain one while it is valid. */
function parseCode(code: string, sign: Sign): { readonly id: string; readonly secretHash: string } {
  const letters = code.replace(/[^0-9A-Z]/g, "");
  return { id: letters.slice(0, ID_LENGTH), secretHash: sign(`sign-in code ${letters}`) };
}
