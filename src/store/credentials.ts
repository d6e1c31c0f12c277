import type { CredentialTable, Db } from "./schema.js";
import { transact } from "./sql/transactions.js";

/** Hashes: server/auth/credential-hashes.ts. */
export interface StoredCredential {
  readonly username: string;
  readonly passwordHash: string;
  readonly apiKeyHash: string;
  readonly origin: CredentialOrigin;
}

/** start: given to a start of the service, and replaced by those of the next one. added: stays. */
export type CredentialOrigin = "start" | "added";

export interface CredentialStore {
  /** By username. */
  listCredentials(): Promise<readonly (StoredCredential & { readonly savedAt: number })[]>;
  /** Replaces the one of this username. */
  saveCredential(credential: StoredCredential, now: number): Promise<void>;
  /** false: there is none. */
  removeCredential(username: string): Promise<boolean>;
  /** Of origin `start`, except this one. Returns their usernames. */
  removeStartCredentials(except: string): Promise<readonly string[]>;
}

export function credentialStore(db: Db): CredentialStore {
  return {
    async listCredentials() {
      const rows = await db.selectFrom("credentials").selectAll().orderBy("username").execute();
      return rows.map((row) => ({ ...toCredential(row), savedAt: row.saved_at }));
    },

    saveCredential: ({ username, passwordHash, apiKeyHash, origin }, now) =>
      transact(db, async (trx) => {
        const columns = { password_hash: passwordHash, api_key_hash: apiKeyHash, origin, saved_at: now };
        await trx
          .insertInto("credentials")
          .values({ username, ...columns })
          .onConflict((conflict) => conflict.column("username").doUpdateSet(columns))
          .execute();
      }),

    removeCredential: (username) =>
      transact(db, async (trx) => {
        const removed = await trx.deleteFrom("credentials").where("username", "=", username).returning("username").execute();
        return removed.length > 0;
      }),

    removeStartCredentials: (except) =>
      transact(db, async (trx) => {
        const removed = await trx
          .deleteFrom("credentials")
          .where("origin", "=", "start")
          .where("username", "<>", except)
          .returning("username")
          .execute();
        return removed.map(({ username }) => username);
      }),
  };
}

export function toCredential({ username, password_hash, api_key_hash, origin }: CredentialTable): StoredCredential {
  return { username, passwordHash: password_hash, apiKeyHash: api_key_hash, origin };
}
