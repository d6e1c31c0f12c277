import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { link, open, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { WhcbError } from "../domain/errors.js";
import { flushFolder } from "../platform/files/durable-folders.js";
import { requireNoStrangers } from "../platform/files/is-own.js";
import type { Db } from "./schema.js";
import { readSetting } from "./settings-store.js";
import { transact } from "./sql/transactions.js";
import { isSharedDatabase } from "./sqlite/open-database.js";

/** A key may be created while nothing is encrypted yet. */
export type SecretKeySource = (options: { readonly mayCreate: boolean }) => Promise<Uint8Array>;

/** Takes WHCB_SECRET_KEY, or else the key file. Throws `config` for an invalid variable, before anything is opened. */
export function secretKeySource(dbPath: string, variable = ""): SecretKeySource {
  if (dbPath === ":memory:") return async () => randomBytes(SECRET_KEY_BYTES);
  if (variable === "") return (rule) => loadOrCreateSecretKey(dbPath, rule);
  const key = Buffer.from(variable, "base64");
  if (key.length !== SECRET_KEY_BYTES || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(variable.trim())) {
    throw new WhcbError("config", "WHCB_SECRET_KEY must be 32 bytes in base64", {
      hint: "create one with: openssl rand -base64 32",
    });
  }
  return async () => key;
}

/** The file has 32 bytes in base64 and a newline, and mode 0600. */
export function secretKeyPath(dbPath: string): string {
  return `${dbPath}.key`;
}

/** Gives concurrent processes the same key. Throws `config` for a missing or unusable file. */
export async function loadOrCreateSecretKey(dbPath: string, { mayCreate = true } = {}): Promise<Uint8Array> {
  const path = secretKeyPath(dbPath);
  try {
    // A new database may be another user's for a moment, by its name. No key of his decrypts what is stored in an old one.
    const isShared = !mayCreate && isSharedDatabase(dbPath);
    requireNoStrangers(path, { isShared });
    const key = (await readKey(path, isShared)) ?? (mayCreate ? await createKey(path) : null);
    if (key === null) {
      throw new WhcbError("config", `The key file ${path} is missing, and this database was encrypted with its key`, {
        hint: "Restore the file from a backup, or set WHCB_SECRET_KEY to the key.",
      });
    }
    // Nothing may be encrypted with a key that a power cut takes away. Another process may have created it just now.
    if (mayCreate) await flushFolder(dirname(path));
    return key;
  } catch (error) {
    if (error instanceof WhcbError) throw error;
    throw new WhcbError("config", `The key file ${path} can't be used`, {
      hint: "Check its folder, owner and permissions.",
      cause: error,
    });
  }
}

async function readKey(path: string, isShared = false): Promise<Uint8Array | null> {
  await using file = await open(path).catch(nullWhen("ENOENT"));
  if (file === null) return null;
  requireNoStrangers(path, { isShared, opened: await file.stat() });
  const text = await file.readFile("utf8");
  const key = Buffer.from(text.trim(), "base64");
  if (key.length !== SECRET_KEY_BYTES) {
    throw new WhcbError("config", `The key file ${path} doesn't contain 32 bytes in base64`, {
      hint: "Restore it from a backup.",
    });
  }
  return key;
}

/** Writes the file under another name and then links it, so nobody reads half a key. */
async function createKey(path: string): Promise<Uint8Array> {
  const key = randomBytes(SECRET_KEY_BYTES);
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await writeFile(draft, `${key.toString("base64")}\n`, { mode: 0o600, flag: "wx", flush: true });
    await link(draft, path).catch(nullWhen("EEXIST"));
  } finally {
    await rm(draft, { force: true });
  }
  const stored = await readKey(path);
  if (stored === null) throw new WhcbError("config", `The key file ${path} was deleted while it was being created`);
  return stored;
}

function nullWhen(code: string): (error: unknown) => null {
  return (error) => {
    if (error instanceof Error && "code" in error && error.code === code) return null;
    throw error;
  };
}

const KEY_CHECK = "key-check";

/** Reports a wrong key at start. Throws `config`. */
export async function checkSecretKey(db: Db, cipher: KeyCipher): Promise<void> {
  if (await canDecryptKeyCheck(db, cipher)) return;
  await transact(db, async (trx) => {
    // It is tried again under the write lock.
    if (await canDecryptKeyCheck(trx, cipher)) return;
    await trx
      .insertInto("settings")
      .values({ name: KEY_CHECK, value: cipher.encrypt(KEY_CHECK, KEY_CHECK) })
      .execute();
  });
}

export async function hasKeyCheck(db: Db): Promise<boolean> {
  return (await readSetting(db, KEY_CHECK)) !== null;
}

/** Resolves to false if no value is stored. */
async function canDecryptKeyCheck(db: Db, cipher: KeyCipher): Promise<boolean> {
  const stored = await readSetting(db, KEY_CHECK);
  if (stored === null) return false;
  try {
    cipher.decrypt(stored, KEY_CHECK);
    return true;
  } catch (cause) {
    throw new WhcbError("config", "The secret key isn't the one that this database was created with", {
      hint: "Use the .key file that was beside the database, or the same WHCB_SECRET_KEY.",
      cause,
    });
  }
}

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SECRET_KEY_BYTES = 32;

export type KeyCipher = ReturnType<typeof keyCipher>;

/** Throws `config` unless the key has 32 bytes. */
export function keyCipher(secretKey: Uint8Array) {
  if (secretKey.length !== SECRET_KEY_BYTES) {
    throw new WhcbError("config", `The secret key has ${secretKey.length} bytes instead of ${SECRET_KEY_BYTES}`, {
      hint: "WHCB_SECRET_KEY must be 32 bytes in base64: openssl rand -base64 32",
    });
  }
  return {
    /** Returns an HMAC-SHA256 in base64url. `text` begins with its purpose, so nothing signed for one serves another. */
    sign: (text: string): string => createHmac("sha256", secretKey).update(text).digest("base64url"),

    /** Encrypts by AES-256-GCM with a new nonce. Returns nonce, tag and ciphertext. `owner` is the id of the callback. */
    encrypt(plain: string, owner: string): Uint8Array {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, secretKey, nonce).setAAD(Buffer.from(owner));
      const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },

    /** Throws `config` for another secret key or changed bytes. */
    decrypt(sealed: Uint8Array, owner: string): string {
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
