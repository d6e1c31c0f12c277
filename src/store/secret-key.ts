/** The key file beside a database, for those who set no WHCB_SECRET_KEY. */
import { randomBytes } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { WhcbError } from "../domain/errors.js";
import { SECRET_KEY_BYTES } from "./key-cipher.js";

/** `<db>.key`: 32 bytes in base64 and a newline, for the owner's eyes only. */
export function secretKeyPath(dbPath: string): string {
  return `${dbPath}.key`;
}

/**
 * Reads the key, or makes one where that may be. Two processes that start at once get the same. Throws `config` where it is
 * missing, or can't be read or written.
 */
export async function loadOrCreateSecretKey(dbPath: string, { mayCreate = true } = {}): Promise<Uint8Array> {
  const path = secretKeyPath(dbPath);
  try {
    const key = await readKey(path);
    if (key !== null) return key;
    if (mayCreate) return await createKey(path);
    throw new WhcbError("config", `The key file ${path} is missing, and what the database keeps was encrypted with it`, {
      hint: "Restore it from a backup, or give the key as WHCB_SECRET_KEY to `whcb serve`.",
    });
  } catch (error) {
    if (error instanceof WhcbError) throw error;
    throw new WhcbError("config", `The key file ${path} can't be used`, {
      hint: "Check its folder, its owner and its mode.",
      cause: error,
    });
  }
}

async function readKey(path: string): Promise<Uint8Array | null> {
  const text = await readFile(path, "utf8").catch(nullWhen("ENOENT"));
  if (text === null) return null;
  const key = Buffer.from(text.trim(), "base64");
  if (key.length !== SECRET_KEY_BYTES) {
    throw new WhcbError("config", `The key file ${path} doesn't hold 32 bytes in base64`, { hint: "Restore it from a backup." });
  }
  return key;
}

/** Written whole under another name first, then linked: a link is made by one process only, and no one reads half a key. */
async function createKey(path: string): Promise<Uint8Array> {
  const key = randomBytes(SECRET_KEY_BYTES);
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await writeFile(draft, `${key.toString("base64")}\n`, { mode: 0o600, flag: "wx", flush: true });
    await link(draft, path).catch(nullWhen("EEXIST"));
  } finally {
    await rm(draft, { force: true });
  }
  const kept = await readKey(path);
  if (kept === null) throw new WhcbError("config", `The key file ${path} disappeared while it was made`);
  return kept;
}

function nullWhen(code: string): (error: unknown) => null {
  return (error) => {
    if (error instanceof Error && "code" in error && error.code === code) return null;
    throw error;
  };
}
