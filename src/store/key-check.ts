/** One-off facts about the database itself. */
import { WhcbError } from "../domain/errors.js";
import type { KeyCipher } from "./key-cipher.js";
import type { Db } from "./schema.js";

const KEY_CHECK = "key-check";

/**
 * The first opening leaves a mark encrypted with the secret key, and each later one must be able to read it: a wrong key is
 * told at the start and not at the first callback. Throws `config`.
 */
export async function checkSecretKey(db: Db, cipher: KeyCipher): Promise<void> {
  if (await isFitting(db, cipher)) return;
  await db.transaction().execute(async (trx) => {
    // Asked again under the write lock: another process may have left its mark meanwhile.
    if (await isFitting(trx, cipher)) return;
    await trx
      .insertInto("settings")
      .values({ name: KEY_CHECK, value: cipher.encrypt(KEY_CHECK, KEY_CHECK) })
      .execute();
  });
}

/** Whether something in the database was encrypted with a key. */
export async function hasKeyCheck(db: Db): Promise<boolean> {
  return (await db.selectFrom("settings").select("name").where("name", "=", KEY_CHECK).executeTakeFirst()) !== undefined;
}

async function isFitting(db: Db, cipher: KeyCipher): Promise<boolean> {
  const row = await db.selectFrom("settings").select("value").where("name", "=", KEY_CHECK).executeTakeFirst();
  if (row === undefined) return false;
  try {
    cipher.decrypt(row.value, KEY_CHECK);
    return true;
  } catch (cause) {
    throw new WhcbError("config", "The secret key isn't the one that this database was made with", {
      hint: "Use the .key file that lay beside it, or the same WHCB_SECRET_KEY.",
      cause,
    });
  }
}

/** More than a page, so that the file must have room for it. */
const TRIAL_BYTES = 8_192;

/** Writes something and takes it away again, through to the disk. Throws `unavailable` with the reason where that fails. */
export async function checkWritable(db: Db): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx
      .insertInto("settings")
      .values({ name: "trial", value: new Uint8Array(TRIAL_BYTES) })
      .execute();
    await trx.deleteFrom("settings").where("name", "=", "trial").execute();
  });
}
