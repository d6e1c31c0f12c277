/** AES-256-GCM, with a new nonce each time. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { WhcbError } from "../domain/errors.js";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const SECRET_KEY_BYTES = 32;

export interface KeyCipher {
  /** Nonce, tag, ciphertext. `owner`: the callback's id. */
  encrypt(plain: string, owner: string): Uint8Array;
  /** Throws `config` for another secret key or changed bytes. */
  decrypt(sealed: Uint8Array, owner: string): string;
}

/** Throws `config` unless the key has 32 bytes. */
export function keyCipher(secretKey: Uint8Array): KeyCipher {
  if (secretKey.length !== SECRET_KEY_BYTES) {
    throw new WhcbError("config", `The secret key has ${secretKey.length} bytes instead of ${SECRET_KEY_BYTES}`, {
      hint: "WHCB_SECRET_KEY must be 32 bytes in base64: openssl rand -base64 32",
    });
  }
  return {
    encrypt(plain, owner) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, secretKey, nonce).setAAD(Buffer.from(owner));
      const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    decrypt(sealed, owner) {
      try {
        const nonce = sealed.subarray(0, NONCE_BYTES);
        const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
        const decipher = createDecipheriv(ALGORITHM, secretKey, nonce, { authTagLength: TAG_BYTES });
        decipher.setAAD(Buffer.from(owner)).setAuthTag(tag);
        return decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
      } catch (cause) {
        throw new WhcbError("config", `The secret key can't decrypt what is stored for ${owner}`, {
          hint: "Use the secret key that the database was created with: the .key file beside it, or WHCB_SECRET_KEY.",
          cause,
        });
      }
    },
  };
}
