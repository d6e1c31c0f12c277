import type { AuditAction, Author } from "../domain/audit/audit-entry.js";
import { writeAudit } from "./audit.js";
import type { Db, Row } from "./schema.js";
import { transact } from "./sql/transactions.js";

/** The hashes are made in server/auth/credential-hashes.ts. */
export interface StoredCredential {
  readonly username: string;
  readonly passwordHash: string;
  readonly apiKeyHash: string;
  readonly origin: CredentialOrigin;
}

/** A credential of origin `start` is replaced by those of the service's next start. An added one stays. */
export type CredentialOrigin = Row<"credentials">["origin"];

export function credentialStore(db: Db) {
  return {
    /** Reads all, in the order of the usernames. */
    async list(): Promise<readonly (StoredCredential & { readonly savedAt: number })[]> {
      const rows = await db.selectFrom("credentials").selectAll().orderBy("username").execute();
      return rows.map((row) => ({ ...toCredential(row), savedAt: row.saved_at }));
    },

    /** Saves a credential in place of the one of this username, in one transaction. */
    save: ({ username, passwordHash, apiKeyHash, origin }: StoredCredential, now: number, author?: Author): Promise<void> =>
      transact(db, async (trx) => {
        const before = await trx.selectFrom("credentials").selectAll().where("username", "=", username).executeTakeFirst();
        const columns = { password_hash: passwordHash, api_key_hash: apiKeyHash, origin, saved_at: now };
        await trx
          .insertInto("credentials")
          .values({ username, ...columns })
          .onConflict((conflict) => conflict.column("username").doUpdateSet(columns))
          .execute();
        const hasNewKey = before !== undefined && before.api_key_hash !== apiKeyHash;
        await auditUser(trx, author, before === undefined ? "user-added" : "user-changed", username, hasNewKey);
      }),

    /** Removes a credential in one transaction, and resolves to false if there is none. */
    remove: (username: string, author?: Author): Promise<boolean> =>
      transact(db, async (trx) => {
        const removed = await trx.deleteFrom("credentials").where("username", "=", username).returning("username").execute();
        if (removed.length > 0) await auditUser(trx, author, "user-removed", username);
        return removed.length > 0;
      }),

    /** Removes those of origin `start` except this one, in one transaction, and resolves to their usernames. */
    removeStart: (except: string, author?: Author): Promise<readonly string[]> =>
      transact(db, async (trx) => {
        const removed = await trx
          .deleteFrom("credentials")
          .where("origin", "=", "start")
          .where("username", "<>", except)
          .returning("username")
          .execute();
        for (const { username } of removed) await auditUser(trx, author, "user-removed", username);
        return removed.map(({ username }) => username);
      }),
  };
}

async function auditUser(
  trx: Db,
  author: Author | undefined,
  action: AuditAction,
  username: string,
  hasNewKey = false,
): Promise<void> {
  await writeAudit(trx, author, { action, details: { username, ...(hasNewKey && { newApiKey: true }) } });
}

export function toCredential({ username, password_hash, api_key_hash, origin }: Row<"credentials">): StoredCredential {
  return { username, passwordHash: password_hash, apiKeyHash: api_key_hash, origin };
}
