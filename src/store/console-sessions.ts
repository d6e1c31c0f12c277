/** The database has only hashes of the console's session tokens and sign-in codes. */
import { createHash } from "node:crypto";
import type { Author } from "../domain/audit/audit-entry.js";
import { writeAudit } from "./audit.js";
import { type StoredCredential, toCredential } from "./credentials.js";
import type { Db } from "./schema.js";
import { lockRows } from "./sql/per-database.js";
import { transact } from "./sql/transactions.js";

export interface Session {
  readonly tokenHash: string;
  readonly username: string;
  readonly createdAt: number;
  readonly usedAt: number;
}

export interface SignInCode {
  /** The id is the public part of the code. */
  readonly id: string;
  readonly secretHash: string;
  readonly username: string;
}

export interface SessionLimits {
  /** What was created or used at these instants or before is expired. */
  readonly createdAfter: number;
  readonly usedAfter: number;
}

const MAX_CODES_PER_USER = 10;

export function sessionStore(db: Db) {
  const readCodeIds = sharedRead(async () => {
    const rows = await db.selectFrom("sign_in_codes").select("id").execute();
    return new Set(rows.map(({ id }) => id));
  });
  return {
    /**
     * Creates a session and removes expired ones, in one transaction. The credential is the one that was verified: a later
     * password ends the session.
     */
    create: (
      { tokenHash, username, createdAt, usedAt }: Session,
      credential: StoredCredential,
      { createdAfter, usedAfter }: SessionLimits,
      author?: Author,
    ): Promise<void> =>
      transact(db, async (trx) => {
        await trx
          .deleteFrom("sessions")
          .where((where) => where.or([where("created_at", "<=", createdAfter), where("used_at", "<=", usedAfter)]))
          .execute();
        const columns = { username, password_digest: passwordDigest(credential), created_at: createdAt, used_at: usedAt };
        await trx
          .insertInto("sessions")
          .values({ token_hash: tokenHash, ...columns })
          .execute();
        await writeAudit(trx, author, { action: "signed-in" });
      }),

    /** Resolves to null if there is none, it has expired, or the user has been removed or has another password. */
    async find(
      tokenHash: string,
      { createdAfter, usedAfter }: SessionLimits,
    ): Promise<{ session: Session; credential: StoredCredential } | null> {
      const row = await db
        .selectFrom("sessions")
        .selectAll()
        .where("token_hash", "=", tokenHash)
        .where("created_at", ">", createdAfter)
        .where("used_at", ">", usedAfter)
        .executeTakeFirst();
      const credential = row === undefined ? null : await currentCredential(db, row);
      if (row === undefined || credential === null) return null;
      const { username, created_at: createdAt, used_at: usedAt } = row;
      return { session: { tokenHash, username, createdAt, usedAt }, credential };
    },

    recordUse: (tokenHash: string, usedAt: number): Promise<void> =>
      transact(db, async (trx) => {
        await trx.updateTable("sessions").set({ used_at: usedAt }).where("token_hash", "=", tokenHash).execute();
      }),

    /** Replaces a token once, in one transaction, and resolves to false if there is none. */
    replaceToken: (tokenHash: string, newTokenHash: string): Promise<boolean> =>
      transact(db, async (trx) => {
        const replaced = await trx
          .updateTable("sessions")
          .set({ token_hash: newTokenHash })
          .where("token_hash", "=", tokenHash)
          .returning("token_hash")
          .execute();
        return replaced.length > 0;
      }),

    end: (tokenHash: string): Promise<void> =>
      transact(db, async (trx) => {
        await trx.deleteFrom("sessions").where("token_hash", "=", tokenHash).execute();
      }),

    /**
     * Creates a code, and removes those of `validAfter` and before and the user's oldest beyond ten, in one transaction. Resolves
     * to false if there is a valid code with this id.
     */
    createSignInCode: (
      { id, secretHash, username, tries }: SignInCode & { readonly tries: number },
      credential: StoredCredential,
      { now, validAfter }: { readonly now: number; readonly validAfter: number },
    ): Promise<boolean> =>
      transact(db, async (trx) => {
        await trx.deleteFrom("sign_in_codes").where("created_at", "<=", validAfter).execute();
        const created = await trx
          .insertInto("sign_in_codes")
          .values({
            id,
            secret_hash: secretHash,
            username,
            password_digest: passwordDigest(credential),
            created_at: now,
            tries_left: tries,
          })
          .onConflict((conflict) => conflict.doNothing())
          .returning("id")
          .execute();
        const ofUser = trx.selectFrom("sign_in_codes").select("id").where("username", "=", username);
        const surplus = ofUser
          .orderBy("created_at", "desc")
          .orderBy("id")
          .limit(Number.MAX_SAFE_INTEGER)
          .offset(MAX_CODES_PER_USER);
        await trx.deleteFrom("sign_in_codes").where("id", "in", surplus).execute();
        return created.length > 0;
      }),

    /**
     * Resolves, in one transaction, to the user if the secret is right, and uses the code up. A wrong secret costs a try, and the
     * last one removes the code. Resolves to null if the secret is wrong, the code was used or has expired, or the user has been
     * removed or has another password. Ids that don't exist take no connection each.
     */
    async redeemSignInCode(id: string, secretHash: string, validAfter: number): Promise<StoredCredential | null> {
      if (!(await readCodeIds()).has(id)) return null;
      return transact(db, async (trx) => {
        const code = await trx
          .selectFrom("sign_in_codes")
          .selectAll()
          .where("id", "=", id)
          .where("created_at", ">", validAfter)
          .modifyEnd(lockRows)
          .executeTakeFirst();
        if (code === undefined) return null;
        const isRight = code.secret_hash === secretHash;
        if (isRight || code.tries_left <= 1) await trx.deleteFrom("sign_in_codes").where("id", "=", id).execute();
        else
          await trx
            .updateTable("sign_in_codes")
            .set({ tries_left: code.tries_left - 1 })
            .where("id", "=", id)
            .execute();
        return isRight ? await currentCredential(trx, code) : null;
      });
    },
  };
}

/** Reads once at a time, for all who have asked before it began. */
function sharedRead<Result>(read: () => Promise<Result>): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | null = null;
  return () => {
    next ??= last.then(() => {
      const reading = read();
      last = reading.catch(() => undefined);
      next = null;
      return reading;
    });
    return next;
  };
}

/** Resolves to null for a user that was removed or has another password. */
async function currentCredential(
  db: Db,
  { username, password_digest }: { readonly username: string; readonly password_digest: string },
): Promise<StoredCredential | null> {
  const row = await db.selectFrom("credentials").selectAll().where("username", "=", username).executeTakeFirst();
  const credential = row === undefined ? null : toCredential(row);
  return credential !== null && passwordDigest(credential) === password_digest ? credential : null;
}

/** A salt makes the digest differ even for the same password. */
function passwordDigest({ passwordHash }: StoredCredential): string {
  return createHash("sha256").update(passwordHash).digest("hex");
}
